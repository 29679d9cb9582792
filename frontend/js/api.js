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

/**
 * What the server says of an answer that is not a success.
 * @param {Response} response
 */
export async function sentence(response) {
  const fallback = `The server answered ${response.status}.`;
  try {
    if (response.headers.get("content-type")?.startsWith("text/html")) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      return page.querySelector(".error-page .message")?.textContent || fallback;
    }
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

/**
 * What the server says line by line (application/x-ndjson), as it says it. Leaving the loop ends the request.
 * @param {string} url
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<any, void, void>}
 */
export async function* getLines(url, signal) {
  const response = await get(url, "application/x-ndjson, application/json", signal);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  try {
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line) yield JSON.parse(line);
    }
    if (rest) yield JSON.parse(rest);
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** @param {unknown} error whether it only says that we did not want the answer any more */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
