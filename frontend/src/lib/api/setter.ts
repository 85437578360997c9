// Who set a price, in words: `bid:ID`, `offer:ID`, `reserve:STEP`, `arc:INDEX`, `cap`, `none`; `mean` of several rounds, `administered` without any.
const WORDS: Record<string, string> = { bid: 'a bid', offer: 'an offer', reserve: 'the reserve price', arc: 'the price of another pool', cap: 'the price cap', none: 'nobody', mean: 'mean of its rounds', administered: 'no round: the mean of its hour' };

export const setterOf = (by: string): string => by.split(':')[0] ?? '';
export const setterText = (by: string): string => WORDS[setterOf(by)] ?? by;
