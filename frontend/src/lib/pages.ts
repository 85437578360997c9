// Which pages there are, and what one has to be allowed to see each: said once by the route table (`app/routes`), asked by
// whoever links to a page.

export interface KnownPage { path: string; scope?: string }

let known: readonly KnownPage[] = [];
export const knowPages = (pages: readonly KnownPage[]) => { known = pages; };

const pattern = (path: string) => new RegExp(`^${path.replaceAll(/\$[^/]+/g, '[^/]+')}$`);
/** The scope that a page needs; nothing where everybody who is signed in sees it. `to`: its path, or an address of it. */
export const scopeOfPage = (to: string): string | undefined => (known.find((page) => page.path === to) ?? known.find((page) => pattern(page.path).test(to)))?.scope;
