import { Panel } from '@/components/ui';
import { Empty } from '@/components/ui/states';

/** The workload of a link, where there is none of that id among one's own. Another one in its place would be taken for it. */
export function WorkloadMissing({ id }: { id: string }) {
  return <Panel title="The workload of this link"><Empty fact={<span className="break-all">There is no workload {id}.</span>} hint="It may be another participant’s, or the link is not whole. Choose one in the table." /></Panel>;
}
