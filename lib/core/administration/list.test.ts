import { expect, test } from "playwright/test";
import { FilterTime, rangeOf, timeOf } from "./list";

test("a time of a filter is one of the operator's time zone, also where the server's is another", () => {
  expect(timeOf("2026-11-29T14:02", "Europe/Moscow")).toEqual(new Date("2026-11-29T11:02:00Z"));
  expect(timeOf("2026-11-29", "Asia/Vladivostok")).toEqual(new Date("2026-11-28T14:00:00Z"));
  expect(timeOf("2026-11-29T14:02", "America/St_Johns")).toEqual(new Date("2026-11-29T17:32:00Z"));
  expect(timeOf("2026-11-29T14:02")).toEqual(timeOf("2026-11-29T14:02", "Europe/Moscow"));
});

test("of a time that clocks show twice the first is meant, and a time that they skip is as much later as they skip", () => {
  expect(timeOf("2026-10-25T02:30", "Europe/Berlin")).toEqual(new Date("2026-10-25T00:30:00Z"));
  expect(timeOf("2026-03-29T02:30", "Europe/Berlin")).toEqual(new Date("2026-03-29T01:30:00Z"));
  expect(timeOf("2026-10-25T03:00", "Europe/Berlin")).toEqual(new Date("2026-10-25T02:00:00Z"));
});

test("a day as the end of a range is included, also one of 25 hours", () => {
  expect(rangeOf({ from: "2026-10-25", to: "2026-10-25" }, "Europe/Berlin")).toEqual({
    from: new Date("2026-10-24T22:00:00Z"),
    to: new Date("2026-10-25T23:00:00Z"),
  });
  expect(rangeOf({ to: "2026-11-29T14:02" }, "UTC")).toEqual({
    from: new Date(0),
    to: new Date("2026-11-29T14:02:00Z"),
  });
});

test("a day or time that does not exist is no filter", () => {
  for (const text of ["2026-02-30", "2026-11-29T24:30", "2026-11-29T12:60", "2026-13-01T00:00", "yesterday"]) {
    expect(FilterTime.safeParse(text).success, text).toBe(false);
  }
  expect(FilterTime.safeParse("2026-11-29T23:59").success).toBe(true);
});
