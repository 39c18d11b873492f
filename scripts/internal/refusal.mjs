/** A reason not to go on that is no bug of ours: its message is all that is shown. */
export class Refusal extends Error {
  name = "Refusal";
}
