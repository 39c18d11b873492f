import { log } from "@/lib/ops/log";

/** Runs `work` and returns the warnings that it logs. */
export async function warningsOf(work: () => Promise<unknown>): Promise<{ message: string; about: unknown }[]> {
  const warnings: { message: string; about: unknown }[] = [];
  const { warn } = log;
  log.warn = (about: unknown, message = "") => void warnings.push({ message, about });
  try {
    await work();
  } finally {
    log.warn = warn;
  }
  return warnings;
}

/** Runs `work` and returns the messages of the errors that it logs. */
export async function errorsOf(work: () => Promise<unknown>): Promise<string[]> {
  const errors: string[] = [];
  const { error } = log;
  log.error = (_: unknown, message = "") => void errors.push(message);
  try {
    await work();
  } finally {
    log.error = error;
  }
  return errors;
}
