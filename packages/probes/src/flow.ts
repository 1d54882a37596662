/** `tcp/60000-61000` covers `tcp/60001` and itself; `any/53` both protocols. */
export function covers(declared: string, port: string): boolean {
  const parts = (text: string) => /^(\w+)\/(\d+)(?:-(\d+))?$/.exec(text);
  const [, dProtocol, dFrom, dTo = dFrom] = parts(declared) ?? [];
  const [, protocol, from, to = from] = parts(port) ?? [];
  if (dProtocol === undefined || protocol === undefined) return declared === port;
  return (dProtocol === 'any' || dProtocol === protocol) && Number(dFrom) <= Number(from) && Number(to) <= Number(dTo);
}
