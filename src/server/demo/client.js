// A small client of the API: requests over HTTP, subscriptions over WebSocket (graphql-transport-ws).

/** A new UUID; `crypto.randomUUID` is not there on pages without TLS. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Codes of errors after which the same may go well later; none where no answer came. */
const PASSING = [undefined, "UNAVAILABLE", "RATE_LIMITED", "INTERNAL_SERVER_ERROR"];

/** One request. Throws an error with the server's words and its `code`; without a `code` no answer came. */
export async function request(query, variables, token) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await (await fetch("graphql", { method: "POST", headers, body: JSON.stringify({ query, variables }) })).json();
  } catch {
    throw new Error("The server cannot be reached.");
  }
  const [first] = answer.errors ?? [];
  if (first) throw Object.assign(new Error(first.message), { code: first.extensions?.code });
  return answer.data;
}

/** Somebody with a token and one connection, which comes back by itself and goes on where it stopped. */
export class Caller {
  // Who extends it says how to get the first and the next `token` in `renew()`, is told how the connection is by
  // `show(words)`, and what went wrong by `trouble(error)`.
  follows = new Map();
  count = 0;
  tries = 0;

  /** A new token in the place of one that ran out; several who need it wait for the same. */
  renewed() {
    this.renewing ??= this.renew().finally(() => { this.renewing = undefined; });
    return this.renewing;
  }

  /** A request with the token, and with a new one where that is not good any more. */
  async ask(query, variables) {
    try {
      return await request(query, variables, this.token ?? (await this.renewed()));
    } catch (error) {
      if (error.code !== "UNAUTHENTICATED") throw error;
      return request(query, variables, await this.renewed());
    }
  }

  /** Subscribes; `variables.after` moves on with each event. Returns how to stop. */
  follow(query, variables, hear) {
    const id = String(++this.count);
    this.follows.set(id, { query, variables, hear });
    if (this.ready) this.subscribe(id);
    else this.connect();
    return () => { if (this.follows.delete(id) && this.ready) this.say({ id, type: "complete" }); };
  }

  say(message) { this.socket.send(JSON.stringify(message)); }

  subscribe(id) {
    const { query, variables } = this.follows.get(id);
    this.say({ id, type: "subscribe", payload: { query, variables } });
  }

  connect() {
    if (this.socket) return;
    const url = new URL("graphql/ws", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new WebSocket(url, "graphql-transport-ws");
    this.socket.onopen = () => {
      this.say({ type: "connection_init", payload: { authorization: `Bearer ${this.token}` } });
    };
    this.socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    this.socket.onclose = ({ code }) => this.again(code);
  }

  hear({ type, id, payload }) {
    const follow = this.follows.get(id);
    if (type === "connection_ack") {
      this.ready = true;
      this.tries = 0;
      this.show("Connected.");
      for (const each of this.follows.keys()) this.subscribe(each);
    } else if (type === "ping") this.say({ type: "pong" });
    else if (type === "error") {
      this.follows.delete(id);
      this.trouble(payload[0]);
    } else if (type === "complete") this.follows.delete(id);
    else if (type === "next" && follow) {
      if (!payload.data) return this.trouble(payload.errors[0]);
      const [event] = Object.values(payload.data);
      const place = event.cursor ?? event.eventCursor;
      if (place) follow.variables.after = place;
      follow.hear(event);
    }
  }

  /** The connection is gone: the next try comes later and later, at most half a minute. */
  again(code) {
    this.socket = this.ready = undefined;
    if (this.left) return;
    const seconds = Math.min(30, 2 ** this.tries++) * (0.5 + Math.random() / 2);
    this.show(`The connection is gone (${code}); again in ${Math.ceil(seconds)} s.`);
    setTimeout(async () => {
      try {
        if (code === 4403) await this.renewed();
        this.connect();
      } catch (error) {
        this.trouble(error);
        if (PASSING.includes(error.code)) this.again(code);
      }
    }, seconds * 1000);
  }

  /** Goes away for good. */
  leave() {
    this.left = true;
    this.socket?.close(1000);
  }
}
