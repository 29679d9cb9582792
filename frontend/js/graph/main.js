/** The graph page: puts its parts together. Each part owns what it makes; this one owns the order in which things happen. */

import { createLive } from "../live.js";
import { createActive } from "./active.js";
import { createAhead } from "./ahead.js";
import { createArrivals } from "./arrivals.js";
import { createBadge } from "./badge.js";
import { createColumn } from "./column.js";
import { createCursor } from "./cursor.js";
import { createDescription } from "./description.js";
import { createDetails } from "./details.js";
import { find } from "./dom.js";
import { placesInAddress } from "./early.js";
import { laneAt, laneX } from "./edges.js";
import { createFilters } from "./filters.js";
import { createFinding } from "./finding.js";
import { commitOnLane, createFocus } from "./focus.js";
import { createHelp } from "./help.js";
import { createKeys } from "./keys.js";
import { createLanes } from "./lanes.js";
import { createList } from "./list.js";
import { createMinimap } from "./minimap.js";
import { createNews } from "./news.js";
import { createNotices } from "./notices.js";
import { createOpener } from "./opener.js";
import { createOutline } from "./outline.js";
import { createPalette } from "./palette.js";
import { createSelection } from "./selection.js";
import { createSettings } from "./settings.js";
import { createSettingsMenu } from "./settings-menu.js";
import { createSplitter } from "./splitter.js";
import { createStore } from "./store.js";
import { createView } from "./view.js";
import { createViewport } from "./viewport.js";
import { createZoom } from "./zoom.js";

const LEAST_DETAILS = 340;
const LEAST_ROWS = 420;

/**
 * @typedef {"graph" | "view" | "selection"} Reason
 * @typedef {ReturnType<typeof createGraph>["graph"]} Graph
 */

/** @param {HTMLElement} root */
export function createGraph(root) {
  const { repository = "", head = "" } = root.dataset;
  const api = `/api/repos/${repository}`;
  const grid = find(root, ".graph-list", HTMLElement);
  const stage = find(root, ".graph-stage", HTMLElement);
  const panel = find(root, ".graph-details", HTMLElement);
  /** @type {Set<(reason: Reason) => void>} */
  const hearers = new Set();
  let frame = 0;

  const redraw = () => {
    frame ||= requestAnimationFrame(draw);
  };
  /** @param {Reason} reason */
  const tell = (reason) => hearers.forEach((hear) => hear(reason));
  const notices = createNotices({ root, notice: find(root, ".graph-notice", HTMLElement), card: find(root, ".graph-card", HTMLElement) });
  const view = createView(() => {
    filters.refresh();
    active.draw();
    void opener.again(selection.oid);
    tell("view");
  });
  const settings = createSettings((changed) => {
    if (changed === "mode") zoom.apply();
    else list.relabel();
    settingsMenu.refresh();
    showSettings();
    redraw();
  });
  const showSettings = () => {
    const { now } = settings;
    root.dataset.mode = now.mode;
    root.dataset.times = now.times;
    root.dataset.hide = /** @type {const} */ (["author", "date", "hash"]).filter((column) => !now[column]).join(" ");
  };
  showSettings();
  /** @type {import("./row.js").RowContext} */
  const context = { defaultBranch: head, links: readLinks(root), settings: settings.now };
  const store = createStore({
    url: `${api}/graph`,
    view: () => view.params,
    onRows() {
      focus.extend();
      arrivals.rowsArrived();
      redraw();
    },
    onFirst(rows) {
      stage.dataset.ready = "";
      viewport.setTotal(rows);
      column.reset();
      redraw();
    },
    onStale: () => void opener.again(),
    onState: notices.show,
  });
  const viewport = createViewport(grid, find(root, ".graph-track", HTMLElement), () => {
    if (stage.dataset.ready !== undefined) {
      arrivals.moved();
      finding.link.moved();
    }
    redraw();
  });
  const palette = createPalette(root, () => {
    minimap.redraw();
    redraw();
  });
  const outline = createOutline({ url: `${api}/graph`, view: () => view.params, store, onChange: () => minimap.redraw() });
  const minimap = createMinimap({ map: find(root, ".graph-map", HTMLElement), store, viewport, outline, palette });
  const zoom = createZoom({
    root,
    grid,
    viewport,
    settings,
    closer: find(root, "[data-zoom='closer']", HTMLButtonElement),
    wider: find(root, "[data-zoom='wider']", HTMLButtonElement),
  });
  const opener = createOpener({ store, viewport, notices, onOpened: opened, onRefused: refused, onMissing: (place) => finding.missing(place) });
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
    onGo(oid) {
      selection.set(oid);
      void goTo(oid);
    },
    onResize: redraw,
  });
  const selection = createSelection({
    details,
    onChange() {
      redraw();
      tell("selection");
    },
  });
  const cursor = createCursor({ store, viewport, grid, onChange: redraw });
  const focus = createFocus({
    store,
    defaultRef: () => defaultRef(),
    onChange() {
      arrivals.say(focus.name ? `Only ${focus.name} stands out.` : "Everything is shown.");
      active.draw();
      redraw();
    },
  });
  const lanes = createLanes({ canvas: find(stage, "canvas", HTMLCanvasElement), store, palette, focus, settings: settings.now });
  const list = createList({
    grid,
    body: find(root, ".graph-rows", HTMLElement),
    heading: find(root, ".graph-heading", HTMLElement),
    store,
    context,
    onPick: (row) => pick(row),
    onRef: (row, ref) => focus.look(store.commit(row), ref),
    onLane(row, x) {
      const lane = laneAt(x, column.pitch);
      const found = lane < 0 || store.commit(row)?.lane === lane ? undefined : commitOnLane(store, row, lane);
      if (found) focus.look(found);
      return found !== undefined;
    },
  });
  const description = createDescription(find(root, "#graph-described", HTMLElement), store);
  const active = createActive({ bar: find(root, ".graph-active", HTMLElement), view, focus, store, onShift: viewport.shift });
  const filters = createFilters({
    menu: find(root, ".graph-filters", HTMLDetailsElement),
    view,
    url: `${api}/graph/names`,
    head: () => defaultRef(),
  });
  const settingsMenu = createSettingsMenu(find(root, ".graph-settings", HTMLDetailsElement), settings);
  const column = createColumn({ root, grid, store, viewport, onResize: redraw });
  const detailsSplitter = createSplitter({
    handle: find(root, ".graph-details-handle", HTMLElement),
    root,
    property: "--details-width",
    key: "gitperch.details",
    direction: -1,
    limits: (width) => [LEAST_DETAILS, width - LEAST_ROWS],
    size: (width) => Math.max(LEAST_DETAILS, Math.min(620, width * 0.42)),
    onResize: redraw,
  });
  const ahead = createAhead();

  function draw() {
    frame = 0;
    const { view: sight } = viewport;
    context.defaultBranch = defaultBranch();
    const [above, below] = ahead(sight.top);
    store.want(arrivals.unfolding ? 0 : Math.floor(sight.top) - above, Math.ceil(sight.top + sight.count) + below);
    column.see(Math.floor(sight.top), Math.ceil(sight.top + sight.count));
    const { width, pitch } = column;
    // The canvas first: it reads styles, and whatever changes the page makes that dear.
    column.drawn(width, lanes.draw(sight, width, pitch, (commit) => commit.refs.includes(defaultRef())));
    list.draw(sight, {
      cursor: cursor.row,
      selected: selection.oid,
      fresh: arrivals.fresh,
      isDim: focus.isDim,
      isHit: finding.isHit,
      nodeX: (commit) => laneX(commit.lane, pitch),
    });
    description.later(sight);
    minimap.draw();
  }

  /** It may have been changed in the settings since the page was drawn. */
  function defaultBranch() {
    return store.head?.startsWith("refs/heads/") ? store.head.slice("refs/heads/".length) : head;
  }

  const defaultRef = () => `refs/heads/${defaultBranch()}`;

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

  /** Whether there was something to close: one branch looked at, or the details. */
  function close() {
    if (focus.clear()) return true;
    if (!selection.oid) return false;
    selection.set("");
    grid.focus({ preventScroll: true });
    return true;
  }

  /** @param {number | string} at a row, ref or oid */
  async function goTo(at) {
    try {
      const row = typeof at === "number" ? at : await store.find(at);
      viewport.setTotal(store.total);
      cursor.place(row);
      viewport.show(row);
      const commit = store.commit(row);
      if (commit) selection.follow(commit.oid);
      grid.focus({ preventScroll: true });
    } catch (error) {
      finding.lost(at, error);
    }
  }

  /** The keyboard begins at the commit that the address shows, of which it may have but the first digits.
   * @param {number} otherwise a row
   */
  async function toSelected(otherwise) {
    cursor.place(await store.find(selection.oid).catch(() => otherwise));
    const { oid = "" } = store.commit(cursor.row) ?? {};
    if (oid.startsWith(selection.oid)) selection.set(oid, { replace: true });
  }

  /** The history, or another view of it, is here. */
  function opened() {
    stage.dataset.ready = "";
    column.reset();
    focus.reset();
    active.draw();
    cursor.refresh();
    outline.refresh();
    minimap.redraw();
    if (!store.total) nothing();
    redraw();
    tell("graph");
  }

  /** Commits have come on top, or refs have moved. */
  function grown() {
    outline.refresh();
    active.draw();
    redraw();
    tell("graph");
  }

  function nothing() {
    const path = view.params.get("path");
    const whole = { label: "Show the whole history", act: () => view.set(new URLSearchParams()), primary: true };
    if (view.whole) notices.stop("Nothing here yet", "No branch or tag has a commit.", []);
    else notices.stop(path ? "No commit touches this path" : "No commit fits these filters", path ?? "", [whole]);
  }

  /** @param {string} message */
  function refused(message) {
    const again = { label: "Try again", act: () => void opener.again(), primary: view.whole };
    const whole = { label: "Show the whole history", act: () => view.set(new URLSearchParams()), primary: true };
    notices.stop("This graph cannot be drawn", message, view.whole ? [again] : [again, whole]);
  }

  /** What other parts of the page build on. */
  const graph = {
    root,
    api,
    grid,
    store,
    viewport,
    goTo,
    say: arrivals.say,

    /**
     * Show where something was found.
     * @param {Uint32Array | null} rows
     * @param {number} current -1 for none
     */
    setMarks(rows, current) {
      minimap.setMarks(rows, current);
      redraw();
    },

    /** @param {string} oid "" closes the details */
    select(oid) {
      selection.set(oid);
    },

    /** px from the left where a commit is drawn. @param {import("./types.js").Commit} commit */
    nodeX: (commit) => laneX(commit.lane, column.pitch),

    /** The oid whose details are shown; "" when none are. */
    get selected() {
      return selection.oid;
    },

    /** The row where the keyboard is; -1 nowhere. */
    get row() {
      return cursor.row;
    },

    /** The parameters of the view: a copy, to be changed and handed to `setView`. */
    get view() {
      return view.params;
    },

    /** @param {URLSearchParams} params */
    setView(params) {
      view.set(params);
    },

    /**
     * Hear of changes: "graph" (opened, grown or rebuilt), "view" (other parameters), "selection".
     * @param {(reason: Reason) => void} hear
     * @returns {() => void} to hear no more
     */
    onChange(hear) {
      hearers.add(hear);
      return () => hearers.delete(hear);
    },
  };
  const finding = createFinding({ root, repository, graph });
  const keys = createKeys(grid, {
    ...finding.actions,
    next: () => step(1),
    previous: () => step(-1),
    pageDown: () => step(Math.max(1, Math.floor(viewport.view.count) - 1)),
    pageUp: () => step(-Math.max(1, Math.floor(viewport.view.count) - 1)),
    first: () => step(-Infinity),
    last: () => step(Infinity),
    open: () => cursor.row >= 0 && pick(cursor.row),
    head: () => void goTo("HEAD"),
    nextFile: () => details.stepFile(1),
    previousFile: () => details.stepFile(-1),
    zoomIn: () => zoom.step(1),
    zoomOut: () => zoom.step(-1),
    settings: () => settingsMenu.open(),
    filter: () => filters.open(),
    branch: () => focus.look(store.commit(cursor.row)),
    help: () => help.open(),
    escape: () => finding.escape(close),
  });
  const help = createHelp({ dialog: find(root, "dialog.graph-help", HTMLDialogElement), button: root.querySelector(".graph-help-button"), keys });

  const refs = { expire: () => [finding, filters].forEach((part) => part.expire()) };
  const news = createNews({ store, arrivals, cursor, refs, list, links: context.links, reopen: opener.again, onChange: grown });
  const badge = createBadge(find(document, "#live", HTMLElement));
  const live = createLive({ path: `${api}/live`, onState: badge.show, onMessage: news.hear });

  active.draw();
  void (async () => {
    const row = await opener.begin(placesInAddress());
    if (row > 0) finding.link.center(row);
    if (row >= 0 && selection.oid) await toSelected(row);
    redraw();
    finding.begin();
    news.opened();
  })();

  return {
    graph,
    destroy() {
      cancelAnimationFrame(frame);
      hearers.clear();
      const parts = [live, badge, news, keys, help, finding, list, cursor, selection, details, arrivals, zoom, minimap, outline, opener, filters, settingsMenu, description];
      for (const part of [...parts, viewport, store, palette, view, settings, notices, column, detailsSplitter]) part.destroy();
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
