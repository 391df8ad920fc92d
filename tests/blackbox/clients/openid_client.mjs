// One relying party built with openid-client, a certified library. Standard input: JSON with issuer, clientId, secret, method (basic, post,
// none), redirectUri, connector, username, password, alg, wrongSecret, postLogoutRedirectUri. Prints what it saw as one line of JSON.
import { readFileSync } from 'node:fs';
import * as client from 'openid-client';
import { Person } from './user.mjs';

const input = JSON.parse(readFileSync(0, 'utf8'));
const authentication = { basic: client.ClientSecretBasic, post: client.ClientSecretPost, none: client.None };

function authenticate(secret) {
  return input.method === 'none' ? client.None() : authentication[input.method](secret);
}
const metadata = { id_token_signed_response_alg: input.alg };
const discover = (secret) => client.discovery(new URL(input.issuer), input.clientId, metadata, authenticate(secret));

async function redeem(config, expected = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: input.redirectUri,
    scope: 'openid profile email groups offline_access federated:id',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    connector_id: input.connector,
    max_age: '600',
  });
  const callback = await new Person().login(url, input.username, input.password, { relyingParty: input.redirectUri });
  return client.authorizationCodeGrant(config, callback, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
    maxAge: 600,
    ...expected,
  });
}

async function failure(attempt) {
  try {
    await attempt();
  } catch (error) {
    return { name: error.constructor.name, code: error.code, error: error.error, status: error.status, cause: error.cause };
  }
  return null;
}

const config = await discover(input.secret);
// Signatures are checked against /keys although the token came over TLS.
client.enableNonRepudiationChecks(config);
const seen = { server: config.serverMetadata() };

const tokens = await redeem(config);
seen.claims = tokens.claims();
seen.idToken = tokens.id_token;
seen.expiresIn = tokens.expiresIn();
seen.userinfo = await client.fetchUserInfo(config, tokens.access_token, seen.claims.sub);
seen.otherSub = await failure(() => client.fetchUserInfo(config, tokens.access_token, 'somebody-else'));
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
seen.refreshedClaims = refreshed.claims();
seen.refreshRotated = refreshed.refresh_token !== tokens.refresh_token;
seen.userinfoAfterRefresh = await client.fetchUserInfo(config, refreshed.access_token, seen.claims.sub);
seen.otherNonce = await failure(() => redeem(config, { expectedNonce: 'another' }));
seen.otherState = await failure(() => redeem(config, { expectedState: 'another' }));
seen.otherVerifier = await failure(() => redeem(config, { pkceCodeVerifier: client.randomPKCECodeVerifier() }));

if (input.wrongSecret) {
  const impostor = await discover(input.wrongSecret);
  seen.wrongSecret = await failure(() => client.refreshTokenGrant(impostor, refreshed.refresh_token));
}
const end = client.buildEndSessionUrl(config, {
  id_token_hint: refreshed.id_token,
  post_logout_redirect_uri: input.postLogoutRedirectUri,
  state: 'out',
});
seen.endSession = await new Person().visit(end);
seen.afterLogout = await failure(() => client.refreshTokenGrant(config, refreshed.refresh_token));
console.log(JSON.stringify(seen));
