import type { IncomingMessage, ServerResponse } from "node:http";
import { log } from "./log";
import { METHODS } from "./methods";
import { countRequest } from "./metrics";
import { beginRequest } from "./request-ids";
import { routeOf } from "./routes";

/**
 * Gives the request an id, which its answer carries in `X-Request-Id`. When the answer has ended or was cut, logs one line and counts
 * the request. Must run before Next.js reads the request.
 */
export function watchRequest(request: IncomingMessage, response: ServerResponse): void {
  const startedAt = performance.now();
  const { url = "", method: asked = "" } = request;
  // Clients can invent methods. One label for all unknown methods bounds the number of time series.
  const method = METHODS.includes(asked) ? asked : "other";
  const requestId = beginRequest(request, response);
  response.setHeader("X-Request-Id", requestId);
  response.once("close", () => {
    const ms = Math.round((performance.now() - startedAt) * 100) / 100;
    const route = routeOf(url);
    const status = response.headersSent ? response.statusCode : null;
    const isCut = !response.writableFinished;
    countRequest({ method, route, status: isCut || status === null ? "cut" : status, ms });
    if (isCut)
      log.info({ requestId, method, route, status, ms }, "request cut: the connection ended before the answer");
    else log.info({ requestId, method, route, status, ms }, "request");
  });
}
