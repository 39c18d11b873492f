import type { IncomingMessage } from "node:http";

/** Next.js calls this once, before the first request. */
export async function register(): Promise<void> {
  // In this form the bundle for the edge runtime leaves the block out.
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const { subscribe } = await import("node:diagnostics_channel");
    const { markPeer, noteAddress, tidyForwarding, tidyUrl } = await import("@/lib/auth/callers");
    subscribe("http.server.request.start", (message) => {
      const { request } = message as { request: IncomingMessage };
      markPeer(request);
      noteAddress(request);
      tidyForwarding(request);
      tidyUrl(request);
    });
  }
}
