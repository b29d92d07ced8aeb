// @ts-check
// Isolates the page by a service worker where its host sends no headers, once: where that does not help, one worker trains.

const TRIED = 'varpool-isolation-tried';

export async function isolate() {
  if (crossOriginIsolated || !('serviceWorker' in navigator) || sessionStorage.getItem(TRIED) !== null)
    return;
  sessionStorage.setItem(TRIED, 'yes');
  try {
    await navigator.serviceWorker.register(new URL('isolate.js', location.href));
    await navigator.serviceWorker.ready;
    location.reload();
  } catch {
    // A browser without them, or a private window: the page works as it is.
  }
}
