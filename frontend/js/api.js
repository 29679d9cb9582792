/** Asking the server. Answers carry an ETag; `no-cache` lets the browser revalidate with it and reuse the body on a 304. */

export class ApiError extends Error {
  /**
   * @param {number} status 0 when there was no answer at all
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} url
 * @param {string} accept
 * @param {AbortSignal} [signal]
 * @returns {Promise<Response>}
 * @throws {ApiError} for an answer that is not a success, or none; an AbortError when `signal` says so
 */
async function get(url, accept, signal) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, { headers: { accept }, cache: "no-cache", credentials: "same-origin", signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "The server does not answer.");
  }
  if (!response.ok) throw new ApiError(response.status, await sentence(response));
  return response;
}

/** @param {Response} response */
async function sentence(response) {
  const fallback = `The server answered ${response.status}.`;
  try {
    const body = await response.json();
    return typeof body.message === "string" ? body.message : fallback;
  } catch {
    return fallback;
  }
}

/**
 * @param {string} url
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function getJson(url, signal) {
  return (await get(url, "application/json", signal)).json();
}

/**
 * A fragment of a page, drawn by the server.
 * @param {string} url
 * @param {AbortSignal} [signal]
 */
export async function getHtml(url, signal) {
  return (await get(url, "text/html", signal)).text();
}

/** @param {unknown} error whether it only says that we did not want the answer any more */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
