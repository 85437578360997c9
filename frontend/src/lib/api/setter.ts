// Who set a price, in words: `bid:ID`, `offer:ID`, `reserve:STEP`, `none`; `mean` of several rounds, `administered` without any.
const WORDS: Record<string, string> = { bid: 'a bid', offer: 'an offer', reserve: 'the reserve price', none: 'nobody', mean: 'mean of its rounds', administered: 'no round: the mean of its hour' };

export const setterOf = (by: string): string => by.split(':')[0] ?? '';
export const setterText = (by: string): string => WORDS[setterOf(by)] ?? by;
