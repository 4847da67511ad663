/** Decodes percent-encoded text (RFC 3986 section 2.1); undefined if a percent sign does not begin an encoded character. */
export function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
