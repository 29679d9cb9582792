/** Answers of one JSON object per line, read as they come. */
import { ApiError } from "../api.js";

/**
 * @param {string} url
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<any>}
 * @throws {ApiError} also for a line that says what went wrong; an AbortError when `signal` says so
 */
export async function* streamed(url, signal) {
  const response = await fetch(url, { headers: { accept: "application/json" }, credentials: "same-origin", signal });
  if (!response.ok || !response.body) throw new ApiError(response.status, `The server answered ${response.status}.`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const said = JSON.parse(line);
      if (said.error) throw new ApiError(200, said.error);
      yield said;
    }
  }
}
