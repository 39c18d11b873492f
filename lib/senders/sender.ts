/** Words, and where to. */
export interface Message {
  /** A phone in E.164, or an e-mail address. */
  to: string;
  subject: string;
  text: string;
  html: string;
}

/** A code, and for channels with room for them the words around it. */
export interface CodeMessage extends Message {
  code: string;
}

/** How a code reaches a person. */
export interface Sender {
  /** Resolves to whether the channel accepted the message. */
  send: (message: CodeMessage) => Promise<boolean>;
  /** Sends nothing, and takes as long and ends as `send` would: who listens to the clock must not tell them apart. */
  pretend: (to: string) => Promise<boolean>;
}

/** A channel that carries any words. */
export interface MessageSender extends Sender {
  send: (message: Message) => Promise<boolean>;
}
