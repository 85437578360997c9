// The lazy edge: uPlot and its painter arrive with the first chart, not with the first page.
import { lazyPart } from '@/lib/lazyPart';

export const Canvas = lazyPart(() => import('./PlotCanvas'), ({ tryAgain }) => (
  <p className="pad s12 t2" role="alert">The chart can’t be drawn now: is the server reachable? Its table is there. <button type="button" className="linkish" onClick={tryAgain}>Try again</button></p>
));
