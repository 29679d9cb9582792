/** The pages about changes: a commit, a comparison, one file. */

import { createChanges } from "./changes.js";
import { createFacts } from "./facts.js";
import { createPicker } from "./picker.js";

for (const changes of document.querySelectorAll("[data-changes]")) {
  if (changes instanceof HTMLElement) createChanges({ root: changes, alone: true });
}
if (document.querySelector("[data-commit-root]")) createFacts(document);
for (const form of document.querySelectorAll("form[data-refs]")) {
  if (form instanceof HTMLFormElement) createPicker(form);
}
