import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

/** An application as the oracle knows it. */
export interface OracleClient {
  id: string;
  /** Null for a public one. */
  secret: string | null;
  redirectUri: string;
}

/** What a code of the oracle is made for. */
export interface OracleCode {
  client: OracleClient;
  scope: string;
  codeChallenge: string;
}

/** A certified OpenID Connect provider on loopback, whose answers ours are compared with. */
export interface Oracle {
  url: string;
  /** Makes an authorization code of a person who has logged in and consented. */
  makeCode(of: OracleCode): Promise<string>;
  stop(): Promise<void>;
}

const SCOPE = "openid phone offline_access";

/** Starts `oidc-provider` with the same clients, addresses and features as ours. */
export async function startOracle(clients: OracleClient[]): Promise<Oracle> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const provider = new Provider(url, {
    clients: clients.map(({ id, secret, redirectUri }) => ({
      client_id: id,
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      scope: SCOPE,
      ...(secret === null ? { token_endpoint_auth_method: "none" } : { client_secret: secret }),
    })),
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: "RS256", use: "sig", kid: "1" }] },
    cookies: { keys: ["a key of a test"] },
    routes: {
      authorization: "/oauth/authorize",
      token: "/oauth/token",
      userinfo: "/oauth/userinfo",
      revocation: "/oauth/revoke",
    },
    // Our rules where the protocol leaves a choice.
    pkce: { required: () => true },
    scopes: [...SCOPE.split(" "), "email", "referral"],
    claims: { phone: ["phone_number"], email: ["email"] },
    allowOmittingSingleRegisteredRedirectUri: false,
    acceptQueryParamAccessTokens: false,
    rotateRefreshToken: true,
    clientAuthMethods: ["client_secret_basic", "client_secret_post", "none"],
    features: { devInteractions: { enabled: false }, revocation: { enabled: true }, userinfo: { enabled: true } },
    ttl: { AuthorizationCode: 60, AccessToken: 600, RefreshToken: 600, IdToken: 600, Grant: 600 },
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
  });
  server.on("request", provider.callback());
  return {
    url,
    makeCode: async ({ client, scope, codeChallenge }) => {
      const person = { accountId: "1", clientId: client.id };
      const grant = new provider.Grant(person);
      grant.addOIDCScope(scope);
      const code = new provider.AuthorizationCode({
        ...{ accountId: "1", client: await provider.Client.find(client.id), grantId: await grant.save(), scope },
        ...{ redirectUri: client.redirectUri, codeChallenge, codeChallengeMethod: "S256" },
      });
      return code.save();
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
