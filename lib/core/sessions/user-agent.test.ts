import { expect, _baseTest as test } from "playwright/test";
import { Device, describeDevice } from "./user-agent";

const CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0";
const SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0";

for (const { agent, kind, name, system } of [
  { agent: `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36`, ...computer("Chrome", "Windows") },
  { agent: `Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${CHROME} Safari/537.36`, ...computer("Chrome", "Chrome OS") },
  { agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", ...computer("Firefox", "Linux") },
  {
    agent: `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${SAFARI} Safari/605.1.15`,
    ...computer("Safari", "macOS"),
  },
  {
    agent: `Mozilla/5.0 (Windows NT 10.0) ${CHROME} YaBrowser/24.12 Safari/537.36`,
    ...computer("Yandex Browser", "Windows"),
  },
  {
    agent: `Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) ${SAFARI} Mobile/15E148 Safari/604.1`,
    kind: "phone",
    name: "Safari",
    system: "iOS",
  },
  {
    agent: `Mozilla/5.0 (Linux; Android 14; SM-S918B) ${CHROME} SamsungBrowser/25.0 Mobile Safari/537.36`,
    kind: "phone",
    name: "Samsung Internet",
    system: "Android",
  },
  {
    agent: `Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) ${SAFARI} Mobile/15E148 Safari/604.1`,
    kind: "tablet",
    name: "Safari",
    system: "iOS",
  },
  { agent: "okhttp/4.12.0", ...application("okhttp/4.12.0") },
  { agent: "Dart/3.1 (dart:io)", ...application("Dart/3.1") },
  { agent: "python-requests/2.31.0", ...application("python-requests/2.31.0") },
  { agent: "Sarafan/2 CFNetwork/1410 Darwin/22.6.0", ...application("CFNetwork/1410") },
  { agent: "node", ...application("node") },
  { agent: "okhttp/8.800.555.35.35", ...application("okhttp") },
  { agent: "okhttp/4.12.0-call-us", ...application("okhttp") },
  { agent: "Sarafan/2.1", ...application(null) },
  { agent: "Call/8-800-555-35-35", ...application(null) },
  { agent: "Verify/some.site", ...application(null) },
]) {
  test(`a device is shown by a name from a fixed list: ${agent.slice(0, 80)}`, () => {
    expect(describeDevice(agent)).toEqual({ kind, name, system });
  });
}

for (const agent of [
  null,
  "Mozilla/5.0",
  "Mozilla/5.0 okhttp/4.12",
  "<script>alert(1)</script>/1 ",
  "79451234567/1",
  "anna@example.com",
  "\u0000/1",
]) {
  test(`a User-Agent that names no product is an unknown device: ${JSON.stringify(agent)}`, () => {
    expect(describeDevice(agent)).toEqual({ kind: "unknown", name: null, system: null });
  });
}

for (const agent of ["call/79451234567", `${"a".repeat(200)}/1`, "a b"]) {
  test(`an unknown product is an application without a name: ${agent.slice(0, 40)}`, () => {
    expect(describeDevice(agent)).toEqual(application(null));
  });
}

test("a device name that was stored before names were checked is not shown", () => {
  const read = (name: string, system: string | null = null) => Device.parse({ kind: "application", name, system });
  for (const name of ["Call/8-800-555-35-35", "Verify/some.site", "okhttp/1.2 call us", "okhttp\n/1"]) {
    expect(read(name), name).toEqual(application(null));
  }
  expect(read("okhttp/4.12.0")).toEqual(application("okhttp/4.12.0"));
  expect(read("Chrome", "call 88005553535")).toMatchObject({ name: "Chrome", system: null });
});

function computer(name: string, system: string) {
  return { kind: "computer", name, system };
}

function application(name: string | null) {
  return { kind: "application", name, system: null };
}
