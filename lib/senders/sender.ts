/** What a channel carries: a code, where to, and for channels with room for them the words around it. */
export interface CodeMessage {
  /** A phone in E.164, or an e-mail address. */
  to: string;
  code: string;
  subject: string;
  text: string;
  html: string;
}

/** How a code reaches a person. */
export interface Sender {
  /** Resolves to whether the channel accepted the message. */
  send: (message: CodeMessage) => Promise<boolean>;
  /** Sends nothing, and takes as long and ends as `send` would: who listens to the clock must not tell them apart. */
  pretend: (to: string) => Promise<boolean>;
}
