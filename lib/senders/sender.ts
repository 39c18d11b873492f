/** What a channel carries: a code, and where to. */
export interface CodeMessage {
  phone: string;
  code: string;
}

/** Brings a code to a person. Resolves to whether the channel accepted it. */
export type Sender = (message: CodeMessage) => Promise<boolean>;
