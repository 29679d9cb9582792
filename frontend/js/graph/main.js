/** The graph page: puts its parts together. Each part owns what it makes; this one owns the order in which things happen. */

import { createLive } from "../live.js";
import { createArrivals } from "./arrivals.js";
import { createBadge } from "./badge.js";
import { createBeyond } from "./beyond.js";
import { createCursor } from "./cursor.js";
import { createDetails } from "./details.js";
import { find } from "./dom.js";
import { pitchOf, widthOf } from "./edges.js";
import { createKeys } from "./keys.js";
import { createLanes } from "./lanes.js";
import { createList } from "./list.js";
import { createNews } from "./news.js";
import { createRefs } from "./refs.js";
import { createSelection } from "./selection.js";
import { createSplitter } from "./splitter.js";
import { createStore } from "./store.js";
import { createViewport } from "./viewport.js";

const AHEAD = 12; // rows fetched beyond the view
const LANES_AT_FIRST = 240; // px, unless somebody wants more
const LEAST_LANES = 48;
const LANES_NARROW = 5;
const LEAST_DETAILS = 340;
const LEAST_ROWS = 420;

/** @param {HTMLElement} root */
export function createGraph(root) {
  const { repository = "", head = "" } = root.dataset;
  const api = `/api/repos/${repository}`;
  const grid = find(root, ".graph-list", HTMLElement);
  const stage = find(root, ".graph-stage", HTMLElement);
  const notice = find(root, ".graph-notice", HTMLElement);
  const help = find(root, "dialog.graph-help", HTMLDialogElement);
  const panel = find(root, ".graph-details", HTMLElement);
  const narrow = matchMedia("(max-width: 40rem)");
  /** @type {import("./row.js").RowContext} */
  const context = { defaultBranch: head, links: readLinks(root) };
  let frame = 0;

  const redraw = () => {
    frame ||= requestAnimationFrame(draw);
  };
  const store = createStore({
    url: `${api}/graph`,
    onRows() {
      arrivals.rowsArrived();
      redraw();
    },
    onStale: () => void news.reopen(),
    onState(state, message) {
      root.dataset.store = state;
      notice.textContent = state === "building" ? "Drawing the graph for the first time…" : (message ?? "");
      notice.hidden = state === "ready";
    },
  });
  const viewport = createViewport(grid, find(root, ".graph-track", HTMLElement), () => {
    arrivals?.moved();
    redraw();
  });
  const arrivals = createArrivals({
    store,
    viewport,
    button: find(root, ".graph-new", HTMLButtonElement),
    status: find(root, ".graph-status", HTMLElement),
    onChange: redraw,
  });
  const details = createDetails({
    panel,
    body: find(panel, ".graph-details-body", HTMLElement),
    url: `/${repository}`,
    onClose: () => close(),
  });
  const selection = createSelection({ details, onChange: redraw });
  const cursor = createCursor({ store, viewport, grid, onChange: redraw });
  const lanes = createLanes(find(root, "canvas", HTMLCanvasElement), store, redraw);
  const list = createList({ grid, body: find(root, ".graph-rows", HTMLElement), store, context, onPick: (row) => pick(row) });
  const refs = createRefs({
    input: find(root, ".graph-filter input", HTMLInputElement),
    list: find(root, ".graph-filter ul", HTMLElement),
    url: `${api}/graph/refs`,
    onPick: ({ name }) => void goTo(name),
    onLeave: () => grid.focus(),
  });
  const lanesSplitter = createSplitter({
    handle: find(root, ".graph-lanes-handle", HTMLElement),
    root,
    property: "--lanes-wide",
    key: "gitperch.lanes",
    direction: 1,
    limits: () => [LEAST_LANES, Math.max(2 * LEAST_LANES, grid.clientWidth * 0.6)],
    size: LEAST_LANES,
    onResize: redraw,
  });
  const detailsSplitter = createSplitter({
    handle: find(root, ".graph-details-handle", HTMLElement),
    root,
    property: "--details-width",
    key: "gitperch.details",
    direction: -1,
    limits: () => [LEAST_DETAILS, root.clientWidth - LEAST_ROWS],
    size: Math.max(LEAST_DETAILS, Math.min(620, root.clientWidth * 0.42)),
    onResize: redraw,
  });
  const beyond = createBeyond(find(root, ".graph-beyond", HTMLButtonElement), lanesSplitter);
  const keys = createKeys(grid, {
    next: () => step(1),
    previous: () => step(-1),
    pageDown: () => step(Math.max(1, Math.floor(viewport.view.count) - 1)),
    pageUp: () => step(-Math.max(1, Math.floor(viewport.view.count) - 1)),
    first: () => step(-Infinity),
    last: () => step(Infinity),
    open: () => cursor.row >= 0 && pick(cursor.row),
    close: () => close(),
    filter: () => refs.focus(),
    help: () => help.showModal(),
    head: () => void goTo("HEAD"),
  });
  const news = createNews({ url: `${api}/graph`, store, viewport, arrivals, cursor, refs, list, links: context.links, onChange: redraw });
  const badge = createBadge(find(document, "#live", HTMLElement));
  const live = createLive({ path: `${api}/live`, onState: badge.show, onMessage: news.hear });
  const helpButton = root.querySelector(".graph-help-button");
  const openHelp = () => help.showModal();
  helpButton?.addEventListener("click", openHelp);

  function draw() {
    frame = 0;
    const { view } = viewport;
    context.defaultBranch = defaultBranch();
    const last = Math.ceil(view.top + view.count);
    store.want(arrivals.unfolding ? 0 : Math.floor(view.top) - AHEAD, last + AHEAD);
    const width = narrow.matches ? widthOf(Math.min(store.lanes, LANES_NARROW), pitchOf(store.lanes)) : lanesSplitter.size;
    root.style.setProperty("--lanes-width", `${width}px`);
    list.draw(view, cursor.row, selection.oid, arrivals.fresh);
    const nodes = lanes.draw(view, width, (commit) => commit.refs.includes(`refs/heads/${context.defaultBranch}`));
    beyond.show(nodes);
  }

  /** It may have been changed in the settings since the page was drawn. */
  function defaultBranch() {
    return store.head?.startsWith("refs/heads/") ? store.head.slice("refs/heads/".length) : head;
  }

  /** @param {number} rows */
  function step(rows) {
    cursor.move(rows);
    const commit = store.commit(cursor.row);
    if (commit) selection.follow(commit.oid);
  }

  /** @param {number} row */
  function pick(row) {
    const commit = store.commit(row);
    if (!commit) return;
    cursor.place(row);
    selection.set(commit.oid);
    if (getComputedStyle(panel).position === "fixed") details.focus();
    else grid.focus({ preventScroll: true });
  }

  function close() {
    selection.set("");
    grid.focus({ preventScroll: true });
  }

  /** @param {string} at a ref or oid */
  async function goTo(at) {
    try {
      const row = await store.find(at);
      viewport.setTotal(store.total);
      cursor.place(row);
      viewport.show(row);
      const commit = store.commit(row);
      if (commit) selection.follow(commit.oid);
      grid.focus({ preventScroll: true });
    } catch (error) {
      arrivals.say(error instanceof Error ? error.message : String(error));
    }
  }

  async function begin() {
    const row = await store.open(selection.oid || 0).catch((error) => {
      if (!selection.oid) throw error;
      return store.open(0);
    });
    viewport.setTotal(store.total);
    lanesSplitter.suggest(Math.min(widthOf(store.lanes, pitchOf(store.lanes)), LANES_AT_FIRST));
    if (selection.oid && row > 0) viewport.show(row);
    if (selection.oid) cursor.place(row);
    stage.dataset.ready = "";
    redraw();
    news.opened();
  }

  void begin().catch((error) => {
    notice.textContent = error.message;
    notice.hidden = false;
  });

  return {
    destroy() {
      cancelAnimationFrame(frame);
      helpButton?.removeEventListener("click", openHelp);
      for (const part of [live, badge, beyond, news, keys, refs, list, lanes, cursor, selection, details, arrivals, viewport, store, lanesSplitter, detailsSplitter]) part.destroy();
    },
  };
}

/**
 * The previews that the page was drawn with: branch → link.
 * @param {HTMLElement} root
 * @returns {import("./chips.js").Links}
 */
function readLinks(root) {
  const script = root.querySelector('script[type="application/json"]');
  return new Map(Object.entries(script ? JSON.parse(script.textContent ?? "{}") : {}));
}

const root = document.getElementById("graph");
if (root) createGraph(root);
