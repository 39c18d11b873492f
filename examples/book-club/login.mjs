// @ts-check
// All of the club's OpenID Connect. The issuer's address is enough: it says where everything else is (OpenID Connect Discovery 1.0).
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oidc from "openid-client";

const SCOPE = "openid phone referral offline_access";
/** What a logout token is about (OpenID Connect Back-Channel Logout 1.0 §2.4). */
const LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout";

/**
 * What must be remembered between sending a person to the login and their return. It stays on this server: who has it could finish
 * a login that another browser began.
 *
 * @typedef {{ state: string, nonce: string, verifier: string }} Attempt
 */

/**
 * A login, with what Sarafan says about the person. `sid` names their session there, which a back-channel logout ends.
 *
 * @typedef {{ sub: string, sid: unknown, idToken: string, refreshToken: string | undefined, person: oidc.UserInfoResponse }} Login
 */

/** @param {{ issuer: string, clientId: string, clientSecret: string, origin: string }} settings */
export async function connect({ issuer, clientId, clientSecret, origin }) {
  const config = await oidc.discovery(new URL(issuer), clientId, clientSecret, undefined, {
    // http is for a Sarafan on this machine. openid-client refuses it otherwise.
    execute: [oidc.enableNonRepudiationChecks, ...(issuer.startsWith("http://") ? [oidc.allowInsecureRequests] : [])],
  });
  const metadata = config.serverMetadata();
  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri ?? ""));

  return {
    /**
     * Returns the address of the login, and what `finish` needs. Sarafan activates `invite` if the login makes a new account.
     *
     * @param {{ invite: string | null, language: string }} options
     */
    async begin({ invite, language }) {
      const attempt = {
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        verifier: oidc.randomPKCECodeVerifier(),
      };
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: `${origin}/callback`,
        scope: SCOPE,
        state: attempt.state,
        nonce: attempt.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: "S256",
        ui_locales: language,
        ...(invite && { invite }),
      });
      return { url, attempt };
    },

    /**
     * Exchanges the code in `url` for tokens, and reads what the person allowed. Throws if the answer is an error, or is not the answer
     * to this attempt.
     *
     * @param {URL} url
     * @param {Attempt} attempt
     * @returns {Promise<Login>}
     */
    async finish(url, { state, nonce, verifier }) {
      const tokens = await oidc.authorizationCodeGrant(config, url, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      const { access_token, id_token: idToken, refresh_token: refreshToken } = tokens;
      if (!claims || !idToken) throw new Error("There is no ID token, although it is expected.");
      const person = await oidc.fetchUserInfo(config, access_token, claims.sub);
      return { sub: claims.sub, sid: claims.sid, idToken, refreshToken, person };
    },

    /**
     * Reads what Sarafan says about the person now. Each refresh token works once, so the login that is returned has the next one. Throws
     * if the login has ended there.
     *
     * @param {Login} login
     * @returns {Promise<Login>}
     */
    async refresh(login) {
      const tokens = await oidc.refreshTokenGrant(config, login.refreshToken ?? "");
      const person = await oidc.fetchUserInfo(config, tokens.access_token, login.sub);
      return { ...login, refreshToken: tokens.refresh_token, person };
    },

    /**
     * Where a browser ends the session at Sarafan as well (OpenID Connect RP-Initiated Logout 1.0). It comes back to the first page.
     *
     * @param {Login} login
     */
    logoutUrl: ({ idToken }) =>
      oidc.buildEndSessionUrl(config, { id_token_hint: idToken, post_logout_redirect_uri: `${origin}/` }),

    /**
     * Returns whose login has ended: of one session (`sid`), or all of one person (`sub`). Throws if the token is not genuine
     * (OpenID Connect Back-Channel Logout 1.0 §2.6).
     *
     * @param {string} token
     * @returns {Promise<{ sub: unknown, sid: unknown }>}
     */
    async readLogoutToken(token) {
      const { payload } = await jwtVerify(token, keys, {
        issuer: metadata.issuer,
        audience: clientId,
        typ: "logout+jwt",
        maxTokenAge: "5 minutes",
        requiredClaims: ["jti", "exp", "events"],
      });
      const { sub, sid, events, nonce } = payload;
      const isLogout = typeof events === "object" && events !== null && LOGOUT_EVENT in events;
      if (!isLogout || nonce !== undefined || (sub ?? sid) === undefined) throw new Error("This is no logout token.");
      return { sub, sid };
    },
  };
}
