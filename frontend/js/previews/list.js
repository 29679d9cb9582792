/** The page of all previews of a repository. */

import { createFollow } from "./follow.js";

const root = document.getElementById("previews");
if (root) createFollow({ root });
