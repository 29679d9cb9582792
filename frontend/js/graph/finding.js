/** Everything on the graph page that finds: the box, the search, cards, edges walked by keys, links. Put together here, beside `main`. */

import { ApiError, isAbort } from "../api.js";
import { write } from "../ui/copy.js";
import { nameOf } from "./chips.js";
import { find } from "../ui/dom.js";
import { createFind } from "./find.js";
import { createHints } from "./find-hints.js";
import { createOffers } from "./find-offers.js";
import { createKin } from "./kin.js";
import { createMark } from "./mark.js";
import { createPermalink } from "./permalink.js";
import { createRefs } from "./refs.js";
import { createSaid } from "./said.js";
import { createRecent } from "./search-recent.js";
import { createSearch } from "./search.js";
import { createCards } from "./tooltip-cards.js";
import { createTargets } from "./tooltip-targets.js";
import { createTooltip } from "./tooltip.js";

const LONG = 9000; // ms for a sentence that explains something
const EDGE = 7; // px that a node needs on its right
const NOTHING = "Choose a commit first, with j or a click.";

/** @typedef {import("./main.js").Graph} Graph */

/**
 * @param {object} options
 * @param {HTMLElement} options.root
 * @param {string} options.repository its full name
 * @param {Graph} options.graph
 */
export function createFinding({ root, repository, graph }) {
  const { grid } = graph;
  const api = `${graph.api}/graph`;
  const url = `/${repository}`;
  const place = find(root, ".graph-main", HTMLElement);
  const current = () => graph.store.commit(graph.row);
  const currentRow = () => grid.querySelector(`[role="row"][aria-rowindex="${graph.row + 1}"]:not([hidden])`);
  const focus = () => grid.focus({ preventScroll: true });
  /** @param {string} at a ref or oid */
  const go = (at) => void graph.goTo(at);

  const mark = createMark({ place, url, current, onGo: go, onSay: (text) => said.say(text) });
  const said = createSaid(place);
  const refs = createRefs(`${api}/names`);
  const recent = createRecent(repository);
  const link = createPermalink({
    view: () => graph.viewport.view,
    jump: graph.viewport.jump,
    commit: (row) => graph.store.commit(row),
    onPlace: (at) => void show(at),
    onQuery(query) {
      box.keep(query);
      search.run(query, { goToFirst: false, quiet: true });
    },
  });
  const search = createSearch({
    graph,
    url: `${api}/search`,
    beside: place,
    status: find(root, ".graph-found", HTMLElement),
    onQuery(query, how) {
      box.keep(query);
      link.search(query, how);
    },
  });
  const hints = createHints(`${api}/search`, (texts) => box.say(texts));
  const box = createFind({
    box: find(root, ".graph-find", HTMLElement),
    offers: createOffers({ refs, recent, authors, onGo: go, onSearch: look }),
    onType: hints.typed,
    onSubmit: look,
    onAgain: search.next,
    onLeave: focus,
    onClear: () => search.close(),
  });
  const kin = createKin({
    root,
    url: (oid) => `${api}/kin?${new URLSearchParams([["oid", oid], ...graph.view])}`,
    current,
    anchor: () => currentRow()?.querySelector(".row-subject")?.getBoundingClientRect(),
    onGo: go,
    onSay: said.say,
    onLeave: focus,
  });
  const cards = createCards({ url, onGo: go, onSearch: look, onFilter: filter, onMark: mark.set, linkTo: (oid) => link.to(oid) });
  /** A node that does not fit into the lanes' column has its sign at that column's edge. @param {import("./types.js").Commit} commit */
  const nodeX = (commit) => Math.min(graph.nodeX(commit), (Number.parseFloat(root.style.getPropertyValue("--lanes-width")) || Infinity) - EDGE);
  const targets = createTargets({ grid, commit: (row) => graph.store.commit(row), nodeX });
  const tooltip = createTooltip({ root, area: grid, scroller: grid, targetAt: targets.at, cards, onLeave: focus });
  let told = { oid: "", nth: 0 };
  let opened = String(graph.view); // the view that is shown, not the one that is on its way
  /** @type {() => void} */
  let forget = () => {};
  const follow = graph.onChange((reason) => {
    if (reason === "graph") opened = String(graph.view);
  });

  /** @param {string} query */
  function look(query) {
    recent.add(query);
    search.run(query);
  }

  /** @returns {Iterable<string>} whoever wrote what is at hand */
  function* authors() {
    for (const block of graph.store.blocks(0, graph.store.total)) for (const { author } of block.commits) if (author) yield author;
  }

  /**
   * @param {string} field
   * @param {string} value
   */
  function filter(field, value) {
    const { view } = graph;
    view.set(field, value);
    graph.setView(view);
  }

  /** When the view that was asked for is here.
   * @param {() => void} act
   */
  function onceOpened(act) {
    forget();
    forget = graph.onChange((reason) => {
      if (reason !== "graph") return;
      forget();
      act();
    });
  }

  /** @param {string} at in the middle; "" is the top */
  async function show(at) {
    if (String(graph.view) !== opened) return onceOpened(() => void show(at)); // Back has led to another view, too
    if (!at) return graph.viewport.jump(0);
    try {
      const row = await graph.store.find(at);
      graph.viewport.setTotal(graph.store.total);
      link.center(row);
    } catch {
      // It was there when it was written down: then the rows that are here have to do.
    }
  }

  /**
   * @param {string} what
   * @param {(oid: string) => string} text
   */
  async function copy(what, text) {
    const commit = current();
    if (!commit) return said.say(NOTHING);
    said.say((await write(text(commit.oid))) ? `Copied ${what}.` : "The browser keeps the clipboard closed; select the text instead.");
  }

  /** The commit where the keyboard is; again: its labels and its author. */
  async function card() {
    await new Promise(requestAnimationFrame); // its row may be on its way into sight
    const row = currentRow();
    const commit = current();
    if (!row || !commit) return said.say(NOTHING);
    const all = targets.of(row);
    const nth = told.oid === commit.oid && tooltip.shown ? (told.nth + 1) % all.length : 0;
    told = { oid: commit.oid, nth };
    const target = all[nth];
    if (target) tooltip.open(target);
  }

  function firstParent() {
    const { view } = graph;
    const on = view.get("first_parent") === "1";
    if (on) view.delete("first_parent");
    else view.set("first_parent", "1");
    graph.setView(view);
    said.say(on ? "All parents." : "First parents only.");
  }

  return {
    link,
    say: said.say,
    isHit: search.isHit,

    actions: {
      find: box.focus,
      nextHit: () => (search.query ? search.next() : said.say("Search first, with /.")),
      previousHit: () => (search.query ? search.previous() : said.say("Search first, with /.")),
      parent: () => void kin.walk("parents"),
      child: () => void kin.walk("children"),
      card: () => void card(),
      copyHash: () => void copy("the commit’s id", (oid) => oid),
      copyLink: () => void copy("a link to this commit", link.to),
      mark: mark.toggle,
      compare: mark.compare,
      firstParent,
    },

    /** The graph is drawn: what the address asks for besides. */
    begin() {
      if (!link.query) return;
      box.keep(link.query);
      search.run(link.query, { goToFirst: false, quiet: true }); // the place is the link's
    },

    /** What the address named is not in this graph.
     * @param {string} at
     */
    missing(at) {
      const what = /^[0-9a-f]{12,}$/.test(at) ? at.slice(0, 12) : at.slice(0, 80);
      said.say(`${what} is not in this graph: it was deleted, rewritten, or is left out by the filters. Here is the newest instead.`, { seen: LONG });
    },

    /** What somebody wanted to go to is not in this graph.
     * @param {string | number} at
     * @param {unknown} error
     */
    lost(at, error) {
      if (isAbort(error)) return;
      const filtered = error instanceof ApiError && error.status === 404 && graph.view.size > 0;
      if (!filtered) return said.say(error instanceof Error ? error.message : String(error), { seen: LONG });
      const name = typeof at === "string" && at.startsWith("refs/") ? nameOf(at).short : String(at).slice(0, 12);
      const act = () => {
        graph.setView(new URLSearchParams());
        onceOpened(() => void graph.goTo(at));
      };
      said.say(`${name} is left out by the filters.`, { seen: LONG, way: { label: "Show everything", act } });
    },

    /** Refs have moved. */
    expire() {
      refs.expire();
      cards.expire();
      box.expire();
    },

    /**
     * One thing at a time, what came last first.
     * @param {() => boolean} details closes them, and says whether they were open
     */
    escape(details) {
      if (kin.hide() || tooltip.hide() || details()) return;
      if (search.query) search.close();
      else mark.clear();
    },

    destroy() {
      follow();
      forget();
      for (const part of [tooltip, kin, box, hints, search, link, mark, said]) part.destroy();
    },
  };
}
