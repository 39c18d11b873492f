import { expect, _baseTest as test } from "playwright/test";
import { startGateway } from "../../gateway/gateway";
import { deliverThroughChain, withCircuitBreaker } from "./chain";
import { accepted, failed, type OutgoingCodeMessage, refused, type Sending } from "./sender";
import { makeSmsruSender } from "./smsru";
import { makeTwilioSender } from "./twilio";

const PATIENCE = { timeoutMs: 200, failuresMax: 5, restMs: 60_000 };

const MESSAGE: OutgoingCodeMessage = {
  to: "+79450000002",
  code: "480213",
  subject: "",
  text: "Код 480213",
  html: "",
  ttlMs: 300_000,
  requesterAddress: null,
};

/** A sender with the given outcomes, which counts how often it was asked. */
function puppet(name: string, says: (count: number) => Sending | Promise<Sending>) {
  let asked = 0;
  const send = async () => {
    asked += 1;
    return says(asked);
  };
  return { ...withCircuitBreaker(name, { send }, PATIENCE), asked: () => asked };
}

const never = () => new Promise<Sending>(() => {});

test("senders are asked in their order, each once, until one takes the message", async () => {
  const senders = [
    puppet("first", () => refused(207)),
    puppet("second", () => failed("server_error", 500)),
    puppet("third", never),
    puppet("fourth", () => accepted("an id", { amount: 2.5, currency: "RUB" })),
    puppet("fifth", () => accepted()),
  ];
  const reports: string[] = [];
  const sending = await deliverThroughChain(senders, MESSAGE, ({ sender, outcome }) =>
    reports.push(`${sender} ${outcome}`),
  );
  expect(sending).toEqual({
    accepted: { sender: "fourth", id: "an id", cost: { amount: 2.5, currency: "RUB" } },
    passedOver: [
      { sender: "first", outcome: "refused", reason: "not_taken 207" },
      { sender: "second", outcome: "failed", reason: "server_error 500" },
      { sender: "third", outcome: "failed", reason: "timeout", mayBeSent: true },
    ],
  });
  expect(senders.map(({ asked }) => asked())).toEqual([1, 1, 1, 1, 0]);
  expect(reports).toEqual(["first refused", "second failed", "third failed", "fourth accepted"]);
});

test("when no sender takes the message, the result names them all with their reasons", async () => {
  const senders = [puppet("first", () => refused(207)), puppet("second", () => failed("account", 201))];
  expect(await deliverThroughChain(senders, MESSAGE)).toEqual({
    accepted: null,
    passedOver: [
      { sender: "first", outcome: "refused", reason: "not_taken 207" },
      { sender: "second", outcome: "failed", reason: "account 201" },
    ],
  });
});

test("a sender's signal aborts when its time is over", async () => {
  let isTold = false;
  const send = (_: OutgoingCodeMessage, signal: AbortSignal) => {
    signal.addEventListener("abort", () => {
      isTold = true;
    });
    return never();
  };
  await deliverThroughChain([withCircuitBreaker("slow", { send }, PATIENCE)], MESSAGE);
  expect(isTold).toBe(true);
});

test.describe("a failing sender", () => {
  // The library reads this clock, which stands still until the test advances it.
  const { now } = Date;
  let time = 0;
  const putForward = (ms: number) => {
    time += ms;
  };
  test.beforeEach(() => {
    time = now();
    Date.now = () => time;
  });
  test.afterEach(() => {
    Date.now = now;
  });

  const outcomes = async (sender: ReturnType<typeof puppet>, times: number) => {
    const told = [];
    for (let count = 0; count < times; count += 1) told.push((await sender.send(MESSAGE))?.outcome ?? "resting");
    return told;
  };

  test("rests for a minute after five failures in a row, and is back when it takes a message after that", async () => {
    const sender = puppet("weary", (count) => (count <= 5 ? failed("server_error", 500) : accepted()));
    expect(await outcomes(sender, 7)).toEqual([...Array(5).fill("failed"), "resting", "resting"]);
    putForward(59_999);
    expect(await outcomes(sender, 1)).toEqual(["resting"]);
    expect(sender.asked()).toBe(5);
    putForward(1);
    expect(await outcomes(sender, 2)).toEqual(["accepted", "accepted"]);
  });

  test("rests for another minute when it fails again, and one message at a time tries it", async () => {
    const answers: ((sending: Sending) => void)[] = [];
    const sender = puppet("weary", (count) =>
      count <= 5 ? failed("server_error", 500) : new Promise((resolve) => answers.push(resolve)),
    );
    await outcomes(sender, 5);
    putForward(60_000);
    const trying = sender.send(MESSAGE);
    expect(await outcomes(sender, 3)).toEqual(["resting", "resting", "resting"]);
    answers[0]?.(failed("server_error", 500));
    expect(await trying).toMatchObject({ outcome: "failed" });
    expect(await outcomes(sender, 1)).toEqual(["resting"]);
    putForward(60_000);
    const again = sender.send(MESSAGE);
    answers[1]?.(accepted());
    expect(await again).toMatchObject({ outcome: "accepted" });
  });

  test("rests after time-outs as well, and the next sender gets its messages without delay", async () => {
    const slow = puppet("slow", never);
    const next = puppet("next", () => accepted());
    for (let count = 0; count < 5; count += 1) await deliverThroughChain([slow, next], MESSAGE);
    const { passedOver, accepted: taken } = await deliverThroughChain([slow, next], MESSAGE);
    expect(passedOver).toEqual([{ sender: "slow", outcome: "resting", reason: "" }]);
    expect(taken).toMatchObject({ sender: "next" });
    expect(slow.asked()).toBe(5);
  });

  test("rests neither for refusals, however many, nor when a message succeeds in between", async () => {
    const refusing = puppet("refusing", () => refused(207));
    expect(await outcomes(refusing, 20)).toEqual(Array(20).fill("refused"));
    const shaky = puppet("shaky", (count) => (count % 5 === 0 ? refused(207) : failed("server_error", 500)));
    expect(await outcomes(shaky, 20)).not.toContain("resting");
  });
});

test("a code reaches its phone while the first provider is down, and arrives twice when it was only slow", async () => {
  const gateway = await startGateway();
  // Providers of this test answer over HTTP, which takes longer on a busy machine.
  const long = { ...PATIENCE, timeoutMs: 20_000 };
  const sendersWith = (patience: typeof PATIENCE) => [
    withCircuitBreaker("smsru", makeSmsruSender({ url: `${gateway.url}/smsru`, apiId: "an id" }), patience),
    withCircuitBreaker(
      "twilio",
      makeTwilioSender({
        url: `${gateway.url}/twilio`,
        accountSid: `AC${"0a".repeat(16)}`,
        authToken: "a token",
        from: "+15005550006",
        statusCallback: null,
      }),
      long,
    ),
  ];
  gateway.set("smsru", { answer: "500" });
  expect(await deliverThroughChain(sendersWith(long), MESSAGE)).toMatchObject({
    accepted: { sender: "twilio", id: gateway.inbox.messages()[0]?.id },
    passedOver: [{ sender: "smsru", outcome: "failed", reason: "server_error 500" }],
  });
  expect(gateway.inbox.messages()).toMatchObject([{ provider: "twilio", to: MESSAGE.to, text: MESSAGE.text }]);

  gateway.reset();
  gateway.set("smsru", { delayMs: 1500 });
  const short = sendersWith({ ...PATIENCE, timeoutMs: 1000 });
  expect(await deliverThroughChain(short, MESSAGE)).toMatchObject({ accepted: { sender: "twilio" } });
  await expect
    .poll(() =>
      gateway.inbox
        .messages()
        .map(({ provider }) => provider)
        .sort(),
    )
    .toEqual(["smsru", "twilio"]);
  await gateway.stop();
});
