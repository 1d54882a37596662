// The two globals that Node and browsers share and that this package uses; everything else comes through a port.
declare class TextEncoder {
  encode(input: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(input: Uint8Array): string;
}
/** Only named in the `Clock` port; nothing in this package makes or reads one. */
interface AbortSignal {
  readonly aborted: boolean;
}
