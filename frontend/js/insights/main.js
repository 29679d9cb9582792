/** The page of insights: asks for the figures of a range and hands them to the charts, again when something was pushed. */

import { getJson, isAbort } from "../api.js";
import { createBadge } from "../graph/badge.js";
import { find } from "../ui/dom.js";
import { createLive } from "../live.js";
import { createAuthors } from "./authors.js";
import { createHeat } from "./heat.js";
import { createHotSpots } from "./hot-spots.js";
import { createRange } from "./range.js";
import { createShare } from "./share.js";
import { createSizes } from "./sizes.js";
import { createSummary } from "./summary.js";
import { createTooltip } from "./tooltip.js";
import { createVelocity } from "./velocity.js";
import { number } from "./words.js";

/** @typedef {import("./types.js").Figures} Figures */

const AGAIN = 1000; // ms between two looks at what is being counted
const LONGEST = 30_000;
const SPREAD = 300; // ms over which the pages that heard the same news ask about it
const KEEP = 20 * 60_000; // ms
const LATER = 5000; // ms before another try where there was no answer

/** @param {HTMLElement} root */
export function createInsights(root) {
  const { repository = "" } = root.dataset;
  const api = `/api/repos/${repository}`;
  const body = find(root, ".insights-body", HTMLElement);
  const building = find(root, ".insights-building", HTMLElement);
  const problem = find(root, ".insights-problem", HTMLElement);
  const tooltip = createTooltip(root, find(root, "[data-said]", HTMLElement));
  const place = (/** @type {string} */ key) => find(root, `[data-chart="${key}"], [data-list="${key}"]`, HTMLElement);
  const parts = [
    createVelocity(place("velocity"), tooltip),
    createHeat(place("hours"), tooltip),
    createSizes(place("sizes"), tooltip),
    createShare(place("merges"), tooltip, { part: "merges", whole: "commits", parts: "merges", wholes: "commits" }),
    createShare(place("rework"), tooltip, { part: "reworked", whole: "tracked", parts: "lines reworked", wholes: "lines changed" }),
    createAuthors(place("authors"), `/${repository}`),
    createHotSpots(place("hot-spots"), `/${repository}`),
  ];
  const summary = createSummary(root);
  /** @type {AbortController | undefined} */
  let asking;
  /** @type {number | undefined} */
  let timer;
  let pause = AGAIN;

  /** @param {Figures} figures */
  function show(figures) {
    building.hidden = problem.hidden = true;
    body.hidden = false;
    summary.show(figures);
    for (const part of parts) part.show(figures);
    // Unless news comes first. The server counts pushes for those who have asked lately, and months end with today.
    pause = figures.current ? AGAIN : Math.min(LONGEST, pause * 1.5);
    timer = setTimeout(load, figures.current ? KEEP : pause);
  }

  /** @param {{progress: number, commits: number, total: number}} counted */
  function wait({ progress, commits, total }) {
    building.hidden = false;
    body.hidden = problem.hidden = true;
    find(building, "[role=status]", HTMLElement).textContent = total ? `${number(commits)} of ${number(total)} commits are counted.` : "The history is read for the first time.";
    find(building, "progress", HTMLProgressElement).value = progress;
    timer = setTimeout(load, AGAIN);
  }

  /** @param {Error & {status?: number}} error */
  function complain(error) {
    problem.hidden = false;
    find(problem, "span", HTMLElement).textContent = error.message;
    if (!error.status) timer = setTimeout(load, LATER);
  }

  async function load() {
    clearTimeout(timer);
    asking?.abort();
    const mine = (asking = new AbortController());
    // What is there at once must not flicker.
    const slow = setTimeout(() => root.setAttribute("data-loading", ""), 200);
    try {
      const answer = await getJson(`${api}/graph/analytics${range.query}`, mine.signal);
      if (answer.building) wait(answer);
      else show(answer);
    } catch (error) {
      if (!isAbort(error)) complain(/** @type {Error} */ (error));
    } finally {
      clearTimeout(slow);
      if (asking === mine) root.removeAttribute("data-loading");
    }
  }

  const range = createRange(root, () => void load());
  const badge = createBadge(find(document, "#live", HTMLElement));
  let greeted = false;
  const live = createLive({
    path: `${api}/live`,
    onState: badge.show,
    onMessage({ type }) {
      // After a lost connection the first word is "hello": something may have been missed.
      if (type === "insights.changed" || type === "resync" || type === "repository.changed" || (type === "hello" && greeted)) {
        clearTimeout(timer);
        timer = setTimeout(load, Math.random() * SPREAD);
      }
      greeted ||= type === "hello";
    },
  });

  const given = root.querySelector('script[type="application/json"]');
  if (given) show(JSON.parse(given.textContent ?? ""));
  else if (problem.hidden) timer = setTimeout(load, AGAIN / 2);

  return {
    destroy() {
      clearTimeout(timer);
      asking?.abort();
      for (const part of [...parts, tooltip, range, badge, live]) part.destroy();
    },
  };
}

const root = document.getElementById("insights");
if (root) createInsights(root);
