/** The newest commits in a frame: what was drawn by the server is drawn anew when something has been pushed. */

import { getHtml, isAbort } from "../api.js";
import { createLive } from "../live.js";
import { relativeTimes } from "../ui/times.js";

const BUILDING = 1500; // ms between two looks at a graph that is being drawn
const SPREAD = 200; // ms over which many frames ask after a push

/** @param {HTMLElement} root */
export function createEmbed(root) {
  const { repository = "" } = root.dataset;
  const badge = document.querySelector(".embed-live");
  const listeners = new AbortController();
  /** @type {ReturnType<typeof createLive> | null} */
  let live = null;
  /** @type {AbortController | null} */
  let asking = null;
  /** @type {number | undefined} */
  let timer;
  let greeted = false;

  const oids = () => new Set([...root.querySelectorAll("li")].map((row) => row.dataset.oid));

  async function refresh() {
    asking?.abort();
    const mine = (asking = new AbortController());
    try {
      const page = new DOMParser().parseFromString(await getHtml(location.href, mine.signal), "text/html");
      const fresh = page.getElementById("embed");
      if (!fresh) return;
      const before = oids();
      root.replaceChildren(...fresh.childNodes);
      const aside = document.querySelector(".embed-aside");
      if (aside) aside.textContent = page.querySelector(".embed-aside")?.textContent ?? "";
      for (const row of root.querySelectorAll("li")) {
        row.toggleAttribute("data-fresh", before.size > 0 && !before.has(row.dataset.oid));
      }
      if (root.querySelector("[data-building]")) later(BUILDING);
    } catch (error) {
      if (!isAbort(error)) later(SPREAD * 10);
    }
  }

  /** @param {number} pause ms */
  function later(pause) {
    clearTimeout(timer);
    timer = setTimeout(() => void refresh(), pause);
  }

  /** @param {import("../live.js").LiveMessage} message */
  function hear(message) {
    if (message.type === "graph.changed" || message.type === "resync" || message.type === "repository.changed") later(Math.random() * SPREAD);
    else if (message.type === "hello" && greeted) later(Math.random() * SPREAD * 5);
    greeted ||= message.type === "hello";
  }

  /** @param {import("../live.js").LiveState} state */
  function show(state) {
    if (!(badge instanceof HTMLElement)) return;
    badge.dataset.state = state;
    badge.textContent = state === "live" ? "Live" : "";
  }

  /** Frames that nobody sees take no place among the open sockets. */
  function follow() {
    if (!live) live = createLive({ path: `/api/repos/${repository}/live`, onMessage: hear, onState: show });
  }

  function leave() {
    live?.destroy();
    live = null;
    show("lost");
  }

  const seen = new IntersectionObserver(([entry]) => {
    if (!entry?.isIntersecting) return leave();
    follow();
  });
  seen.observe(root);
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()), { signal: listeners.signal });
  if (root.querySelector("[data-building]")) later(BUILDING);

  return {
    destroy() {
      clearTimeout(timer);
      asking?.abort();
      listeners.abort();
      seen.disconnect();
      leave();
    },
  };
}

relativeTimes(document);
const root = document.getElementById("embed");
if (root) createEmbed(root);
