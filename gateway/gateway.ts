import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Desk } from "./desk";
import { makeHttpServer } from "./http";
import type { Inbox } from "./inbox";
import { makeSmtpServer } from "./smtp";
import type { ProviderName, Switches } from "./switches";

/** A process's own providers: what is sent to them is delivered to a page. */
export interface Gateway {
  /** The page, and below it the base address of each provider: `${url}/twilio`. */
  readonly url: string;
  /** What `SMTP_URL` is set to. */
  readonly smtpUrl: string;
  readonly inbox: Inbox;
  /** Changes how a provider behaves, from its next message on. */
  set(provider: ProviderName, changes: Partial<Switches>): void;
  /** Everybody as in the beginning, and nothing delivered. */
  reset(): void;
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";

/** Starts it on this machine only; a port of 0 is any that is free. Rejects when one is taken. */
export async function startGateway({ port = 0, smtpPort = 0 } = {}): Promise<Gateway> {
  const desk = new Desk();
  const http = makeHttpServer(desk).listen(port, HOST);
  await once(http, "listening");
  const smtp = makeSmtpServer(desk);
  const mail = smtp.listen(smtpPort, HOST);
  await once(mail, "listening");
  const portOf = (server: { address(): AddressInfo | string | null }) => (server.address() as AddressInfo).port;
  return {
    url: `http://localhost:${portOf(http)}`,
    smtpUrl: `smtp://localhost:${portOf(mail)}`,
    inbox: desk.inbox,
    set: (provider, changes) => void desk.set(provider, changes),
    reset: () => desk.reset(),
    stop: async () => {
      desk.close();
      http.closeAllConnections();
      await Promise.all([
        new Promise((resolve) => http.close(resolve)),
        new Promise<void>((resolve) => smtp.close(resolve)),
      ]);
    },
  };
}
