// A real authorization server for tests: npm's oidc-provider with its own login and consent pages.
//
//   node tests/oidc_provider/server.mjs --port 0 --redirect-uri http://localhost:8000/oauth/callback
//
// Prints one line of JSON when it answers. What this file adds to the package: its configuration, client
// authentication that is strict for each client, an API behind the access tokens (/api/items), and a log of
// what reached the token endpoints (/_log).

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import Provider from 'oidc-provider';

const { values: options } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    'redirect-uri': { type: 'string', multiple: true, default: ['http://localhost:8000/oauth/callback'] },
    coop: { type: 'boolean', default: false },
    pkce: { type: 'string', default: 'optional' },
    'access-token-ttl': { type: 'string', default: '300' },
    'until-stdin-ends': { type: 'boolean', default: false },
  },
});

const ITEMS = 1230;
const LARGEST_PAGE = 100;
const ITEMS_SCOPE = 'items.read';

// The first secret has characters that only a client that form-encodes them gets through (RFC 6749 §2.3.1).
const clients = {
  basic: {
    client_id: 'basic-client',
    client_secret: 'basic secret+with %/:~',
    token_endpoint_auth_method: 'client_secret_basic',
  },
  post: {
    client_id: 'post-client',
    client_secret: 'post-secret-3kT9vQ',
    token_endpoint_auth_method: 'client_secret_post',
  },
  public: { client_id: 'public-client', token_endpoint_auth_method: 'none' },
};

const server = createServer();
await new Promise((resolve) => server.listen(Number(options.port), options.host, resolve));
// Plain http is accepted as it is: the package asks for a web URI as issuer, and marks its cookies
// `Secure` only when the request came by https.
const issuer = `http://${options.host}:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: Object.values(clients).map((client) => ({
    ...client,
    redirect_uris: options['redirect-uri'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  })),
  cookies: { keys: [randomBytes(32).toString('hex')] },
  scopes: ['openid', 'offline_access', ITEMS_SCOPE],
  features: {
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  pkce: {
    required: (_ctx, client) => options.pkce === 'required' || client.clientAuthMethod === 'none',
  },
  rotateRefreshToken: true,
  ttl: {
    AccessToken: Number(options['access-token-ttl']),
    AuthorizationCode: 60,
    Grant: 86400,
    IdToken: 300,
    Interaction: 600,
    RefreshToken: 86400,
    Session: 86400,
  },
});

// The package takes either way of sending a secret from a client that is registered with one of them.
const { compareClientSecret } = provider.Client.prototype;
provider.Client.prototype.compareClientSecret = function compareStrictly(secret) {
  const isBasic = Provider.ctx.headers.authorization !== undefined;
  const sentBy = isBasic ? 'client_secret_basic' : 'client_secret_post';
  return sentBy === this.clientAuthMethod && compareClientSecret.call(this, secret);
};

const log = [];
const LOGGED = { '/token': 'token', '/token/revocation': 'revocation', '/token/introspection': 'introspection' };

function authenticationOf(ctx) {
  if (ctx.headers.authorization !== undefined) return 'client_secret_basic';
  return ctx.oidc?.params?.client_secret === undefined ? 'none' : 'client_secret_post';
}

provider.use(async (ctx, next) => {
  await next();
  if (ctx.type === 'text/html') {
    // The package's pages ask a font server for its style sheet, which no test should wait for.
    ctx.set('Content-Security-Policy', "style-src 'unsafe-inline'");
  }
  if (options.coop) ctx.set('Cross-Origin-Opener-Policy', 'same-origin');
  if (LOGGED[ctx.path] && ctx.method === 'POST') {
    log.push({
      endpoint: LOGGED[ctx.path],
      grant_type: ctx.oidc?.params?.grant_type ?? null,
      client_id: ctx.oidc?.client?.clientId ?? null,
      authentication: authenticationOf(ctx),
      has_code_verifier: ctx.oidc?.params?.code_verifier !== undefined,
      status: ctx.status,
      error: ctx.body?.error ?? null,
    });
  }
});

function item(number) {
  const sku = `ITEM-${String(number).padStart(5, '0')}`;
  return { id: number, sku, price: ((number * 37) % 5000) / 100, in_stock: number % 7 !== 0 };
}

function positive(text, fallback) {
  return /^[1-9]\d{0,8}$/.test(text ?? '') ? Number(text) : fallback;
}

function refuse(ctx, status, error) {
  ctx.status = status;
  ctx.set('WWW-Authenticate', `Bearer realm="items"${error && `, error="${error}"`}`);
  ctx.body = { error: error || 'unauthorized' };
}

async function items(ctx) {
  const [scheme, value] = (ctx.headers.authorization ?? '').split(' ');
  const isBearer = scheme.toLowerCase() === 'bearer' && value;
  const token = isBearer ? await provider.AccessToken.find(value) : undefined;
  if (!isBearer) return refuse(ctx, 401, '');
  if (!token?.isValid) return refuse(ctx, 401, 'invalid_token');
  if (!token.scopes.has(ITEMS_SCOPE)) return refuse(ctx, 403, 'insufficient_scope');
  const page = positive(ctx.query.page, 1);
  const perPage = Math.min(positive(ctx.query.per_page, 50), LARGEST_PAGE);
  const first = (page - 1) * perPage + 1;
  const count = Math.max(0, Math.min(perPage, ITEMS - first + 1));
  ctx.body = {
    data: Array.from({ length: count }, (_, index) => item(first + index)),
    meta: { page, per_page: perPage, total: ITEMS, total_pages: Math.ceil(ITEMS / perPage) },
  };
  return undefined;
}

provider.use(async (ctx, next) => {
  if (ctx.path === '/api/items') return items(ctx);
  if (ctx.path !== '/_log') return next();
  ctx.body = log;
  return undefined;
});

server.on('request', provider.callback());

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
if (options['until-stdin-ends']) {
  // Whoever started this keeps our standard input open; when they die, however, we go too.
  process.stdin.on('end', () => process.exit(0)).resume();
}

console.log(JSON.stringify({
  issuer,
  authorization_url: `${issuer}/auth`,
  token_url: `${issuer}/token`,
  revocation_url: `${issuer}/token/revocation`,
  introspection_url: `${issuer}/token/introspection`,
  items_url: `${issuer}/api/items`,
  clients: Object.fromEntries(Object.entries(clients).map(([name, client]) => [
    name, { client_id: client.client_id, client_secret: client.client_secret ?? '' },
  ])),
}));
