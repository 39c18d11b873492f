import { getEventListeners, once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import ipaddr from "ipaddr.js";
import { expect, _baseTest as test } from "playwright/test";
import { type Answer, answerWith, startReceiver } from "@/lib/testing/receivers";
import { ANSWER_BYTES_MAX, ATTEMPT_MS_MAX, findUrlProblem, makeWebhookPost, type Resolve } from "./webhooks";

const PUBLIC_ONLY = { privateRanges: [], isLoopbackAllowed: false };
const BESIDE = {
  privateRanges: [ipaddr.parseCIDR("10.0.0.0/8"), ipaddr.parseCIDR("fd00::/8")],
  isLoopbackAllowed: false,
};
const OWN_MACHINE = { privateRanges: [], isLoopbackAllowed: true };

const never = new AbortController().signal;
const send = (url: string, post = makeWebhookPost(undefined, OWN_MACHINE)) =>
  post({ url, headers: { "content-type": "application/json" }, body: "{}" }, never);

/** Sends to a receiver whose answer is this text, after which it keeps the connection open. */
async function answeredBy(text: string) {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.write(text));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await send(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.close();
  }
}

/** Sends to a receiver that answers so. */
async function answered(answer: Answer) {
  const receiver = await startReceiver(answer);
  try {
    return { ...(await send(receiver.url)), received: receiver.received.length };
  } finally {
    receiver.close();
  }
}

test("a webhook goes to public addresses only: not to private, loopback, link-local, reserved or translated ones", async () => {
  const refused = [
    ...["10.0.0.1", "127.0.0.1", "2130706433", "0x7f.1", "169.254.169.254", "172.16.0.1", "192.168.1.1", "100.64.0.1"],
    ...["0.0.0.0", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "localhost"],
    ...["[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[::127.0.0.1]"],
    ...["[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[64:ff9b:1::1]", "[2002:a00:1::]", "[2001::1]", "[4000::1]"],
  ];
  for (const host of refused) expect(findUrlProblem(`https://${host}/`, PUBLIC_ONLY), host).toBe("address");
  for (const host of ["93.184.215.14", "[2606:4700::1]", "backend.example"])
    expect(findUrlProblem(`https://${host}/`, PUBLIC_ONLY), host).toBe(null);
  for (const host of ["10.1.2.3", "[fd00::1]", "[::ffff:10.0.0.1]"])
    expect(findUrlProblem(`https://${host}/`, BESIDE), host).toBe(null);
  expect(findUrlProblem("https://192.168.1.1/", BESIDE)).toBe("address");
});

test("http goes to this machine alone, and only while this machine alone reaches the server", () => {
  expect(findUrlProblem("http://127.0.0.1:8080/", OWN_MACHINE)).toBe(null);
  expect(findUrlProblem("http://localhost:8080/", OWN_MACHINE)).toBe(null);
  expect(findUrlProblem("http://127.0.0.1:8080/", PUBLIC_ONLY)).toBe("not_https");
  expect(findUrlProblem("http://backend.example/", OWN_MACHINE)).toBe("not_https");
  expect(findUrlProblem("http://10.0.0.1/", BESIDE)).toBe("not_https");
});

test("ports of other protocols are refused", () => {
  for (const port of [22, 25, 80, 5061, 6667]) {
    expect(findUrlProblem(`https://backend.example:${port}/`, PUBLIC_ONLY)).toBe("port");
  }
  expect(findUrlProblem("https://backend.example:8443/", PUBLIC_ONLY)).toBe(null);
});

test("a name that leads to a private address is refused at the connection, also if it led to a public one before", async () => {
  const receiver = await startReceiver();
  const { port } = new URL(receiver.url);
  try {
    const answers = [["93.184.215.14"], ["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], []];
    const asked: string[] = [];
    const resolve: Resolve = async (hostname) => {
      asked.push(hostname);
      return answers[asked.length] ?? [];
    };
    const post = makeWebhookPost(resolve, PUBLIC_ONLY);
    expect(await send(`https://backend.example:${port}/`, post)).toMatchObject({ fault: "address_refused" });
    expect(await send(`https://backend.example:${port}/`, post)).toMatchObject({ fault: "address_refused" });
    expect(await send(`https://backend.example:${port}/`, post)).toMatchObject({ fault: "unresolved" });
    const own = makeWebhookPost(async () => ["127.0.0.1"], OWN_MACHINE);
    expect(await send(`https://backend.example:${port}/`, own)).toMatchObject({ fault: "address_refused" });
    expect(asked).toEqual(["backend.example", "backend.example", "backend.example"]);
    expect(receiver.received).toEqual([]);
  } finally {
    receiver.close();
  }
});

test("the connection goes to the address that was checked", async () => {
  const receiver = await startReceiver();
  const { port } = new URL(receiver.url);
  const looked: string[] = [];
  const beside = { privateRanges: [ipaddr.parseCIDR("127.0.0.0/8")], isLoopbackAllowed: false };
  const resolve: Resolve = async (hostname) => {
    looked.push(hostname);
    return ["127.0.0.1"];
  };
  try {
    // The receiver speaks no TLS: the handshake fails, but at this receiver and not at one that the system would find.
    const answer = await send(`https://backend.example:${port}/`, makeWebhookPost(resolve, beside));
    expect(answer).toMatchObject({ status: null, fault: "insecure" });
    expect(looked).toEqual(["backend.example"]);
  } finally {
    receiver.close();
  }
});

test("the status of the answer decides, a redirect is not followed, and the first kilobyte is kept", async () => {
  expect(await answered(answerWith(204))).toMatchObject({ status: 204, fault: null, body: null });
  expect(await answered(answerWith(500, {}, "broken"))).toMatchObject({
    status: 500,
    fault: "bad_status",
    body: "broken",
  });
  expect(await answered(answerWith(429, { "retry-after": "7" }))).toMatchObject({ status: 429, retryAfter: "7" });
  const other = await startReceiver();
  expect(await answered(answerWith(307, { location: other.url }))).toMatchObject({ status: 307, fault: "redirected" });
  expect(other.received).toEqual([]);
  other.close();
  const long = await answered(answerWith(200, {}, "я".repeat(10_000)));
  expect(long).toMatchObject({ status: 200, fault: null });
  expect(Buffer.byteLength(long.body ?? "")).toBe(ANSWER_BYTES_MAX);
});

test("an answer without an end is read up to a kilobyte, and its status counts", async () => {
  const endless: Answer = (_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write("x".repeat(400)), 5);
    response.on("close", () => clearInterval(timer));
  };
  const startedAt = performance.now();
  expect(await answered(endless)).toMatchObject({ status: 200, fault: null, body: "x".repeat(ANSWER_BYTES_MAX) });
  expect(performance.now() - startedAt).toBeLessThan(ATTEMPT_MS_MAX / 2);
});

test("an answer that is cut off after the status counts by it", async () => {
  const cut: Answer = (_, response) => {
    response.writeHead(200, { "content-length": "100" }).write("half");
    setTimeout(() => response.destroy(), 20);
  };
  expect(await answered(cut)).toMatchObject({ status: 200, body: "half" });
});

test("an answer whose body stalls counts by its status", async () => {
  const stalled = await answeredBy("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok");
  expect(stalled).toMatchObject({ status: 200, fault: null, body: "ok" });
});

test("an answer that changes the protocol is a failed attempt, and ends it", async () => {
  const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n";
  const startedAt = performance.now();
  expect(await answeredBy(switching)).toMatchObject({ status: 101, fault: "bad_status", body: null });
  expect(performance.now() - startedAt).toBeLessThan(ATTEMPT_MS_MAX / 2);
});

test("a receiver that answers garbage, ends the connection or is not there is a failed attempt", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end("I am no HTTP server\r\n\r\n"));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  expect(await send(url)).toMatchObject({ status: null, fault: "garbage" });
  server.close();
  await once(server, "close");
  expect(await send(url)).toMatchObject({ status: null, fault: "unreachable" });
  expect(await answered((request) => void request.socket.destroy())).toMatchObject({
    fault: "unreachable",
    received: 1,
  });
});

test("a connection that the receiver has closed while it was idle is replaced by another one", async () => {
  const byConnection = new Map<unknown, number>();
  const receiver = await startReceiver((request, response) => {
    const count = (byConnection.get(request.socket) ?? 0) + 1;
    byConnection.set(request.socket, count);
    if (count === 1) response.writeHead(204).end();
    else request.socket.destroy();
  });
  try {
    const post = makeWebhookPost(undefined, OWN_MACHINE);
    for (const _ of [1, 2, 3]) expect(await send(receiver.url, post)).toMatchObject({ status: 204, fault: null });
    expect([...byConnection.values()]).toEqual([2, 2, 1]);
  } finally {
    receiver.close();
  }
});

test("an attempt that has ended leaves nothing at the signal of its worker", async () => {
  const receiver = await startReceiver();
  const { signal } = new AbortController();
  const post = makeWebhookPost(undefined, OWN_MACHINE);
  try {
    for (let count = 0; count < 3; count += 1) {
      expect(await post({ url: receiver.url, headers: {}, body: "{}" }, signal)).toMatchObject({ fault: null });
    }
    expect(getEventListeners(signal, "abort")).toEqual([]);
    // Signals that depend on this one are kept by it under a symbol.
    const dependants = Object.getOwnPropertySymbols(signal).filter(
      ({ description }) => description === "kDependantSignals",
    );
    expect(dependants).toEqual([]);
  } finally {
    receiver.close();
  }
});

test("a receiver that never answers is left after ten seconds, and an attempt can be aborted before", async () => {
  const receiver = await startReceiver(() => undefined);
  try {
    const post = makeWebhookPost(undefined, OWN_MACHINE);
    const abort = new AbortController();
    const aborted = post({ url: receiver.url, headers: {}, body: "{}" }, abort.signal);
    const hanging = send(receiver.url, post);
    await expect.poll(() => receiver.received.length).toBe(2);
    abort.abort(new Error("the server ends"));
    await expect(aborted).rejects.toThrow("the server ends");
    expect(await hanging).toMatchObject({ status: null, fault: "timeout" });
  } finally {
    receiver.close();
  }
});
