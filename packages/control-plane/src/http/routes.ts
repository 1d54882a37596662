/** Who may use a route. `operational`: this machine itself, or an operator. */
export type Audience = 'host' | 'host-or-operator' | 'operator' | 'operational' | 'anyone';

export type RouteName =
  | 'checkin'
  | 'events-post'
  | 'evidence-post'
  | 'signed'
  | 'fleet'
  | 'host'
  | 'why'
  | 'rollouts'
  | 'rollout'
  | 'events'
  | 'evidence'
  | 'refresh'
  | 'healthz'
  | 'readyz'
  | 'metrics';

interface Route {
  readonly name: RouteName;
  readonly method: 'GET' | 'POST';
  readonly audience: Audience;
  /** Whole path; the one group is the parameter. */
  readonly path: RegExp;
  /** `X-Nixfleet-Protocol` must be there. Without: what a browser, a forge or a scraper calls. */
  readonly needsProtocol: boolean;
}

function route(name: RouteName, method: Route['method'], audience: Audience, path: RegExp): Route {
  return { name, method, audience, path, needsProtocol: audience !== 'operational' && audience !== 'anyone' };
}

const routes: readonly Route[] = [
  route('checkin', 'POST', 'host', /^\/v1\/agent\/checkin$/),
  route('events-post', 'POST', 'host', /^\/v1\/agent\/events$/),
  route('evidence-post', 'POST', 'host', /^\/v1\/agent\/evidence$/),
  route('signed', 'GET', 'host-or-operator', /^\/v1\/signed\/(.{1,256})$/),
  route('fleet', 'GET', 'operator', /^\/v1\/fleet$/),
  route('host', 'GET', 'operator', /^\/v1\/hosts\/([a-z0-9-]{1,63})$/),
  route('why', 'GET', 'operator', /^\/v1\/why\/([a-z0-9-]{1,63})$/),
  route('rollouts', 'GET', 'operator', /^\/v1\/rollouts$/),
  route('rollout', 'GET', 'operator', /^\/v1\/rollouts\/([0-9a-f]{8,64})$/),
  route('events', 'GET', 'operator', /^\/v1\/events$/),
  route('evidence', 'GET', 'operator', /^\/v1\/evidence\/([a-z0-9-]{1,63})$/),
  route('refresh', 'POST', 'anyone', /^\/v1\/refresh$/),
  route('healthz', 'GET', 'operational', /^\/healthz$/),
  route('readyz', 'GET', 'operational', /^\/readyz$/),
  route('metrics', 'GET', 'operational', /^\/metrics$/),
];

export interface RouteMatch {
  readonly route: Route;
  readonly parameter: string;
  /** What follows the question mark. */
  readonly query: string;
}

/** Longest path with query, in characters. */
export const pathCharactersMax = 1024;

/** Null where there is no such route; a path is compared as it was sent, without decoding anything. */
export function matchRoute(method: string, target: string): RouteMatch | null {
  if (target.length > pathCharactersMax) return null;
  const at = target.indexOf('?');
  const path = at === -1 ? target : target.slice(0, at);
  for (const candidate of routes) {
    if (candidate.method !== method) continue;
    const match = candidate.path.exec(path);
    if (match) {
      return { route: candidate, parameter: match[1] ?? '', query: at === -1 ? '' : target.slice(at + 1) };
    }
  }
  return null;
}
