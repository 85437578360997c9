import { Suspense } from 'react';
import { Canvas } from './Canvas';
import { floorText, type Plot } from './plot';

export function TimeChart({ plot, label, height = 300 }: { plot: Plot; label: string; height?: number }) {
  const floor = floorText(plot);
  return (
    <>
      <div role="img" aria-label={label} className="p-1" style={{ height: height + 8 }}>
        <Suspense fallback={<span className="sk sk-wait m-3" style={{ height: height - 24 }} />}>
          <Canvas plot={plot} height={height} />
        </Suspense>
      </div>
      {floor && <p className="s11 t3 px-3 pb-1">{floor}.</p>}
    </>
  );
}
