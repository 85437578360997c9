// What the server sends must fit what the pages read. The types do the checking: a field that is
// renamed, dropped or changes its kind stops the build here, by its object's name.
import { expect, it } from 'vitest';
import type { components } from '@/api.gen';
import type { Candidate } from './adoption';
import type * as Ui from './objects';

type S = components['schemas'];
/** The server writes every field, `null` where there is nothing; the document calls those optional. */
type Sent<T> = T extends (infer E)[] ? Sent<E>[] : T extends object ? { [K in keyof T]-?: Sent<Exclude<T[K], undefined>> } : T;
type Fits<Server, Page> = Sent<Server> extends Page ? true : { misfit: Sent<Server>; page: Page };

const contract: {
  apiKey: Fits<S['KeyView'], Ui.ApiKey>; newApiKey: Fits<S['NewKeyView'], Ui.NewApiKey>; fullNode: Fits<S['NodeView'], Ui.FullNode>; participant: Fits<S['Participant'], Ui.FullParticipant>; user: Fits<S['UserRecord'], Ui.UserRecord>;
  about: Fits<S['About'], Ui.About>; allocation: Fits<S['Allocation'], Ui.Allocation>; award: Fits<S['Award'], Ui.Award>; balance: Fits<S['Balance'], Ui.Balance>;
  book: Fits<S['Crossing'], Ui.Book>; explain: Fits<S['Explanation'], Ui.Explain>; hint: Fits<S['Hint'], Ui.Hint>; instance: Fits<S['Instance'], Ui.Instance>; me: Fits<S['Me'], Ui.Me>; module: Fits<S['Module'], Ui.Module>; node: Fits<S['Node'], Ui.Node>;
  order: Fits<S['Order'], Ui.Order>; pool: Fits<S['PoolView'], Ui.Pool>; prediction: Fits<S['Prediction'], Ui.Prediction>; preview: Fits<S['Preview'], Ui.Preview>; candidate: Fits<S['CandidateView'], Candidate>; profile: Fits<S['ApplicationProfile'], Ui.ApplicationProfile>; project: Fits<S['ProjectView'], Ui.Project>; price: Fits<S['PricePoint'], Ui.PricePoint>;
  recommendation: Fits<S['Recommendation'], Ui.Recommendation>; reserve: Fits<S['ReservePriceView'], Ui.NamedReservePrice>; simulated: Fits<S['Simulated'], Ui.Simulated>; round: Fits<S['Round'], Ui.Round>; roundExternality: Fits<S['RoundExternality'], Ui.RoundExternality>; sample: Fits<S['Sample'], Ui.Sample>;
  series: Fits<S['SeriesForecast'], Ui.SeriesForecast>; serviceLevel: Fits<S['ServiceLevel'], Ui.ServiceLevel>; session: Fits<S['Session'], Ui.Session>; statement: Fits<S['Statement'], Ui.Statement>; strategy: Fits<S['Strategy'], Ui.Strategy>;
  summary: Fits<S['Summary'], Ui.FinanceSummary>; swap: Fits<S['Swap'], Ui.Swap>; oneSwap: Fits<S['SwapView'], Ui.OneSwap>; receipt: Fits<S['Receipt'], Ui.Receipt>; dispute: Fits<S['Dispute'], Ui.Dispute>;
} = {
  apiKey: true, newApiKey: true, fullNode: true, participant: true, user: true,
  about: true, allocation: true, award: true, balance: true, book: true, explain: true, hint: true, instance: true, me: true, module: true, node: true, order: true, pool: true, prediction: true, preview: true, price: true, candidate: true, profile: true, project: true,
  recommendation: true, reserve: true, round: true, roundExternality: true, sample: true, series: true, serviceLevel: true, session: true, simulated: true, statement: true, strategy: true, receipt: true, dispute: true, summary: true, swap: true, oneSwap: true,
};

it('every object that the pages read is compared with the server’s', () => {
  expect(Object.values(contract).every(Boolean)).toBe(true);
});
