/** The parts of oidc-provider that lib/testing/oracle.ts uses. The package has no types of its own. */
declare module "oidc-provider" {
  import type { RequestListener } from "node:http";

  interface Saved {
    save(): Promise<string>;
  }
  export class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    callback(): RequestListener;
    Client: { find(id: string): Promise<unknown> };
    Grant: new (of: {
      accountId: string;
      clientId: string;
    }) => Saved & { addOIDCScope(scope: string): void };
    AuthorizationCode: new (
      values: Record<string, unknown>,
    ) => Saved;
  }
}
