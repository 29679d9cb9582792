/**
 * What the API says; docs/insights.md has the meaning of each.
 *
 * @typedef {"commits" | "merges" | "added" | "deleted" | "tracked" | "reworked"} Sum
 * @typedef {{first: string | null, outside: number} & Record<Sum, number[]>} Weeks
 * @typedef {{name: string, email: string, commits: number, merges: number, added: number, deleted: number, first: string, last: string}} Author
 * @typedef {{path: string, address?: string, changes: number, added: number, deleted: number}} Spot
 * @typedef {object} Figures
 * @property {string} head
 * @property {string} tip
 * @property {boolean} current
 * @property {string | null} after
 * @property {string | null} before
 * @property {string | null} first
 * @property {string | null} last
 * @property {number} commits
 * @property {number} merges
 * @property {number} added
 * @property {number} deleted
 * @property {number} people
 * @property {number} files
 * @property {number} active_days
 * @property {number} unread
 * @property {{days: number, lines: number, reworked: number}} rework
 * @property {Weeks} weeks
 * @property {Author[]} authors
 * @property {number[][]} hours
 * @property {{up_to: (number | null)[], commits: number[]}} sizes
 * @property {{by_changes: Spot[], by_churn: Spot[]}} hot_spots
 */

export {};
