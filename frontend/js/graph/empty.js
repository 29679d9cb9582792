/** The page of a repository without commits: it waits for the first push and becomes the graph. */

import { createLive } from "../live.js";
import { createBadge } from "./badge.js";
import { find } from "../ui/dom.js";

const page = find(document, "#graph-empty", HTMLElement);
const badge = createBadge(find(document, "#live", HTMLElement));
let greeted = false;

createLive({
  path: `/api/repos/${page.dataset.repository}/live`,
  onState: badge.show,
  onMessage({ type }) {
    // A second `hello` comes after the connection was lost: who knows what was pushed meanwhile.
    if (type === "graph.changed" || type === "resync" || (type === "hello" && greeted)) location.reload();
    greeted = true;
  },
});
