export const SPEC: URL;
export const TYPES: URL;
export function generate(spec?: URL): Promise<string>;
