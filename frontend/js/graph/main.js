/** The graph page: puts together what the first rows need, then `rest`. Each part owns what it makes; this one owns the order in which things happen. */

import "../ui/main.js";
import { getJson } from "../api.js";
import { find } from "../ui/dom.js";
import { createActive } from "./active.js";
import { createAhead } from "./ahead.js";
import { createArrivals } from "./arrivals.js";
import { createColumn } from "./column.js";
import { createCursor } from "./cursor.js";
import { createDeadEnds } from "./dead-ends.js";
import { placesInAddress } from "./early.js";
import { laneAt, laneX } from "./edges.js";
import { commitOnLane, createFocus } from "./focus.js";
import { createKeys } from "./keys.js";
import { createLanes } from "./lanes.js";
import { createLater } from "./later.js";
import { createList } from "./list.js";
import { createMinimap } from "./minimap.js";
import { createMoves } from "./moves.js";
import { createNotices } from "./notices.js";
import { createOpener } from "./opener.js";
import { createOutline } from "./outline.js";
import { createPalette } from "./palette.js";
import { createSelection } from "./selection.js";
import { createSettings } from "./settings.js";
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
  const rest = createLater({
    bar: find(root, ".graph-bar", HTMLElement),
    async load() {
      outline.refresh();
      const { createRest } = await import("./rest.js");
      return createRest({
        graph,
        repository,
        panel,
        view,
        settings,
        keys,
        arrivals,
        list,
        links: context.links,
        defaultRef,
        reopen: opener.again,
        onGrown: grown,
        onClose: moves.closeDetails,
        onResize: redraw,
      });
    },
    onFailed: () => arrivals.say("A part of this page could not be loaded. Trying again."),
  });
  const notices = createNotices({ root, notice: find(root, ".graph-notice", HTMLElement), card: find(root, ".graph-card", HTMLElement) });
  const view = createView(() => {
    rest.here?.filters.refresh();
    active.draw();
    void opener.again(selection.oid);
    tell("view");
  });
  const settings = createSettings((changed) => {
    if (changed === "mode") zoom.apply();
    else list.relabel();
    rest.here?.settingsMenu.refresh();
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
    onState(state, news) {
      notices.show(state, news);
      if (state === "ready") rest.here?.live.hurry();
    },
  });
  const moved = () => {
    if (stage.dataset.ready !== undefined) {
      arrivals.moved();
      rest.here?.finding.link.moved();
    }
    redraw();
  };
  const viewport = createViewport(grid, find(root, ".graph-track", HTMLElement), moved, () => cursor.row);
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
  const deadEnds = createDeadEnds({ notices, view, again: () => void opener.again() });
  const opener = createOpener({ store, viewport, notices, onOpened: opened, onRefused: (message) => deadEnds.refused(message), onMissing: (place) => rest.then(({ finding }) => finding.missing(place)) });
  const arrivals = createArrivals({
    store,
    viewport,
    button: find(root, ".graph-new", HTMLButtonElement),
    status: find(root, ".graph-status", HTMLElement),
    onChange: redraw,
  });
  const selection = createSelection({
    onShow(oid) {
      panel.hidden = !oid;
      panel.parentElement?.toggleAttribute("data-with-details", !!oid); // a parent that looks for it by :has() is restyled with every row
      rest.here?.details.show(oid);
    },
    onChange() {
      redraw();
      tell("selection");
    },
  });
  const cursor = createCursor({ store, viewport, grid, onChange: redraw });
  const focus = createFocus({
    store,
    defaultRef: () => defaultRef(),
    ask: (oid, signal) => getJson(`${api}/graph/run?oid=${oid}${view.query}`, signal),
    onFound: redraw,
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
    onPick: (row) => moves.pick(row),
    onRef: (row, ref) => focus.look(store.commit(row), ref),
    onLane(row, x) {
      const lane = laneAt(x, column.pitch);
      const found = lane < 0 || store.commit(row)?.lane === lane ? undefined : commitOnLane(store, row, lane);
      if (found) focus.look(found);
      return found !== undefined;
    },
  });
  const active = createActive({ bar: find(root, ".graph-active", HTMLElement), view, focus, store, onShift: (pixels) => viewport.shift(pixels, focus.row) });
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
  const moves = createMoves({ store, viewport, grid, panel, cursor, selection, focus, onLost: (place, error) => rest.then(({ finding }) => finding.lost(place, error)) });

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
      isHit: (row) => rest.here?.finding.isHit(row) ?? false,
      nodeX: (commit) => laneX(commit.lane, pitch),
    });
    rest.here?.description.later(sight);
    minimap.draw();
    if (stage.dataset.ready !== undefined) rest.begin();
  }

  /** It may have been changed in the settings since the page was drawn. */
  function defaultBranch() {
    return store.head?.startsWith("refs/heads/") ? store.head.slice("refs/heads/".length) : head;
  }

  const defaultRef = () => `refs/heads/${defaultBranch()}`;

  /** The history, or another view of it, is here. */
  function opened() {
    stage.dataset.ready = "";
    column.reset();
    focus.reset();
    active.draw();
    void cursor.refresh();
    if (rest.here) outline.refresh();
    minimap.redraw();
    if (!store.total) deadEnds.nothing();
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

  /** What other parts of the page build on. */
  const graph = {
    root,
    api,
    grid,
    store,
    viewport,
    goTo: moves.goTo,
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
  /** @param {import("./keys.js").Action} action that `finding` does */
  const found = (action) => () => rest.then(({ finding }) => finding.actions[/** @type {keyof typeof finding.actions} */ (action)]());
  const keys = createKeys(grid, {
    find: found("find"),
    nextHit: found("nextHit"),
    previousHit: found("previousHit"),
    parent: found("parent"),
    child: found("child"),
    card: found("card"),
    copyHash: found("copyHash"),
    copyLink: found("copyLink"),
    mark: found("mark"),
    compare: found("compare"),
    firstParent: found("firstParent"),
    next: () => moves.step(1),
    previous: () => moves.step(-1),
    pageDown: () => moves.step(Math.max(1, Math.floor(viewport.view.count) - 1)),
    pageUp: () => moves.step(-Math.max(1, Math.floor(viewport.view.count) - 1)),
    first: () => moves.step(-Infinity),
    last: () => moves.step(Infinity),
    open: () => cursor.row >= 0 && moves.pick(cursor.row),
    head: () => void moves.goTo("HEAD"),
    nextFile: () => rest.then(({ details }) => details.stepFile(1)),
    previousFile: () => rest.then(({ details }) => details.stepFile(-1)),
    zoomIn: () => zoom.step(1),
    zoomOut: () => zoom.step(-1),
    settings: () => rest.then(({ settingsMenu }) => settingsMenu.open()),
    filter: () => rest.then(({ filters }) => filters.open()),
    branch: () => focus.look(store.commit(cursor.row)),
    help: () => rest.then(({ help }) => help.open()),
    escape: () => rest.then(({ finding }) => finding.escape(moves.close)),
  });

  active.draw();
  void (async () => {
    const row = await opener.begin(placesInAddress());
    if (row > 0) viewport.jump(row - Math.floor(viewport.view.count / 2));
    cancelAnimationFrame(frame);
    draw(); // what came with the page is in its next frame
    if (row >= 0 && selection.oid) {
      await moves.toSelected(row);
      redraw();
    }
    rest.then(({ finding, news }) => {
      if (viewport.view.top >= 1) finding.link.moved();
      finding.begin();
      news.opened();
      redraw();
    });
  })();

  return {
    graph,
    destroy() {
      cancelAnimationFrame(frame);
      hearers.clear();
      const parts = [keys, list, cursor, selection, arrivals, zoom, minimap, outline, opener, viewport];
      for (const part of [rest, ...parts, store, palette, view, settings, notices, column, detailsSplitter]) part.destroy();
    },
  };
}

/**
 * The previews that the page was drawn with: branch → link.
 * @param {HTMLElement} root
 * @returns {import("./chips.js").Links}
 */
function readLinks(root) {
  const script = root.querySelector("script[data-links]");
  return new Map(Object.entries(script ? JSON.parse(script.textContent ?? "{}") : {}));
}

const root = document.getElementById("graph");
if (root) createGraph(root);
