/**
 * One branch looked at by itself: it and its merges stand out, everything else fades.
 *
 * A branch is a run of first parents that stay in one lane. What is at hand of it is walked at once; where the rest of it is, the
 * server says.
 */

import { nameOf } from "./chips.js";

/**
 * @typedef {{generation: string | number, lane: number, first: number, last: number, base: number | null}} Run rows
 * @typedef {import("./types.js").Commit} Commit
 * @typedef {ReturnType<typeof createFocus>} Focus
 */

/**
 * @param {object} options
 * @param {ReturnType<typeof import("./store.js").createStore>} options.store
 * @param {() => string} options.defaultRef
 * @param {(oid: string, signal: AbortSignal) => Promise<Run>} options.ask where the branch of a commit begins and ends
 * @param {() => void} options.onChange
 * @param {() => void} options.onFound more of it is known
 */
export function createFocus({ store, defaultRef, ask, onChange, onFound }) {
  let name = "";
  let ref = "";
  let lane = -1;
  let seed = { oid: "", height: -1 };
  let [low, high] = [0, -1]; // heights that are known to be of the branch
  let base = -1; // height of the commit that it began from; -1 not known
  let scanned = -1; // heights up to here have been looked through for its next commit
  let ended = false; // there is none
  /** Heights of commits of other lanes that were merged into it, or merged it @type {Set<number>} */
  const merges = new Set();
  /** @type {AbortController | null} */
  let asking = null;

  /** @param {Commit} commit */
  function take(commit) {
    low = Math.min(low, commit.height);
    high = Math.max(high, commit.height);
  }

  function down() {
    for (;;) {
      const first = store.at(low)?.parents[0] ?? -1;
      if (first < 0) return;
      base = first;
      const parent = store.at(first);
      if (!parent || parent.lane !== lane) return;
      take(parent);
    }
  }

  function up() {
    while (!ended) {
      const commit = store.at(scanned + 1);
      if (!commit) return;
      scanned += 1;
      if (commit.lane !== lane) continue;
      if (commit.parents[0] === high) take(commit);
      else ended = true; // the lane is another branch's from here on
    }
  }

  /** What it merged, and what merged it, of the rows at hand. */
  function gather() {
    for (const { commits } of store.blocks(0, store.total - 1)) {
      for (const commit of commits) {
        if (isOn(commit.lane, commit.height)) for (const parent of commit.parents.slice(1)) merges.add(parent);
        else if (commit.parents.some((parent, nth) => nth && isOn(store.at(parent)?.lane ?? commit.edges[nth] ?? -1, parent))) merges.add(commit.height);
      }
    }
  }

  /** Where it begins and ends, beyond what is at hand. @param {string} oid of a commit on it */
  async function reach(oid) {
    asking?.abort();
    if (lane === 0) return; // is the default branch's from end to end
    const mine = (asking = new AbortController());
    try {
      const run = await ask(oid, mine.signal);
      if (mine.signal.aborted || run.generation !== store.generation || run.lane !== lane) return;
      const bottom = store.total - 1;
      [low, high, scanned, ended] = [bottom - run.last, bottom - run.first, bottom, false];
      base = run.base === null ? -1 : bottom - run.base;
      gather();
      onFound();
    } catch {
      // What is at hand is shown all the same, and walked on as more comes.
    }
  }

  /**
   * @param {Commit} commit
   * @param {string} named
   */
  function set(commit, named) {
    name = named ? nameOf(named).short : `the branch of ${commit.oid.slice(0, 8)}`;
    ref = named;
    seed = { oid: commit.oid, height: commit.height };
    lane = commit.lane;
    [low, high, scanned, base, ended] = [commit.height, commit.height, commit.height, -1, false];
    merges.clear();
    down();
    up();
    gather();
    onChange();
    void reach(commit.oid);
  }

  /** What its line is called by, as far as that is known here. @param {Commit} commit */
  function labelOf(commit) {
    if (commit.lane === 0) return defaultRef();
    return commit.refs.find((label) => label.startsWith("refs/heads/")) ?? commit.refs[0] ?? "";
  }

  function clear() {
    if (!name) return false;
    asking?.abort();
    name = "";
    onChange();
    return true;
  }

  return {
    /** What is looked at; "" for everything. */
    get name() {
      return name;
    },

    /** Of the commit that was pointed at. */
    get row() {
      return store.total - 1 - seed.height;
    },

    /** The full name of the ref that was pointed at; "" where it was a line. */
    get ref() {
      return ref;
    },

    /**
     * One branch by itself; the same again ends it.
     * @param {Commit | undefined} commit on it
     * @param {string} [named] the full name of the ref that was pointed at
     */
    look(commit, named) {
      if (!commit) return;
      if (name && !isDim(commit) && commit.lane === lane) clear();
      else set(commit, named ?? labelOf(commit));
    },

    clear,

    /** More rows are at hand. */
    extend() {
      if (!name) return;
      down();
      up();
      gather();
    },

    /** The graph is another one: heights mean other commits. */
    reset() {
      if (name && store.at(seed.height)?.oid !== seed.oid) clear();
    },

    isDim,

    /**
     * Whether an edge fades.
     * @param {number} of lane that it runs in
     * @param {number} parent its height
     * @param {Commit} [child] where that is known
     */
    isDimEdge(of, parent, child) {
      if (!name) return false;
      if (isOn(of, parent) || (of === lane && parent === base)) return false;
      return !child || !isOn(child.lane, child.height);
    },
  };

  /** Whether a commit fades. @param {Commit} commit */
  function isDim(commit) {
    return name !== "" && !isOn(commit.lane, commit.height) && !merges.has(commit.height) && commit.height !== base;
  }

  /**
   * @param {number} of
   * @param {number} height
   */
  function isOn(of, height) {
    // The default branch has lane 0 to itself, so that no walk is needed.
    return of === lane && (lane === 0 || (height >= low && height <= high));
  }
}

/**
 * The commit whose branch runs in `lane` past `row`: the one above whose edge it is, else the next below.
 * @param {ReturnType<typeof import("./store.js").createStore>} store
 * @param {number} row
 * @param {number} lane
 * @returns {Commit | undefined}
 */
export function commitOnLane(store, row, lane) {
  const here = store.total - 1 - row;
  for (let at = row; at >= 0; at--) {
    const commit = store.commit(at);
    if (!commit) break;
    for (const [nth, edge] of commit.edges.entries()) {
      if (edge !== lane || /** @type {number} */ (commit.parents[nth]) > here) continue;
      // A merge's other edges are those of the branch that came in.
      return nth === 0 ? commit : (store.at(/** @type {number} */ (commit.parents[nth])) ?? commit);
    }
    if (commit.lane === lane) return at === row ? commit : undefined;
  }
  for (let at = row; at < store.total; at++) {
    const commit = store.commit(at);
    if (!commit || commit.lane === lane) return commit;
  }
  return undefined;
}
