import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { makeHttpServer } from "./http";
import { makeSmtpServer } from "./smtp";
import { GatewayState } from "./state";
import type { ProviderName, Switches } from "./switches";

/** A running gateway: fake providers that deliver messages to a page. */
export type Gateway = Awaited<ReturnType<typeof startGateway>>;

const HOST = "127.0.0.1";

/** Starts a gateway on the loopback address. Port 0 is any free port. Rejects when a port is taken. */
export async function startGateway({ port = 0, smtpPort = 0 } = {}) {
  const state = new GatewayState();
  const http = makeHttpServer(state).listen(port, HOST);
  await once(http, "listening");
  const smtp = makeSmtpServer(state);
  const mail = smtp.listen(smtpPort, HOST);
  await once(mail, "listening");
  const portOf = (server: { address(): AddressInfo | string | null }) => (server.address() as AddressInfo).port;
  return {
    /** The address of the page. Each provider's base address is below it: `${url}/twilio`. */
    url: `http://localhost:${portOf(http)}`,
    /** The address of the mail server, for `SMTP_URL`. */
    smtpUrl: `smtp://localhost:${portOf(mail)}`,
    inbox: state.inbox,
    /** Changes a provider's switches from its next message on. Throws a `ZodError` for an unknown switch or value. */
    set: (provider: ProviderName, changes: Partial<Switches>) => void state.set(provider, changes),
    /** Sets all switches to their defaults and removes all messages. */
    reset: () => state.reset(),
    stop: async () => {
      state.close();
      http.closeAllConnections();
      await Promise.all([
        new Promise((resolve) => http.close(resolve)),
        new Promise<void>((resolve) => smtp.close(resolve)),
      ]);
    },
  };
}
