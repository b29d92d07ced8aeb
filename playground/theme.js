// @ts-check
// Light and dark: the reader's choice, kept, or that of the system.

/** @param {() => void} redraw */
export function connectTheme(redraw) {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const { dataset } = document.documentElement;
  document.querySelector('#theme')?.addEventListener('click', () => {
    const now = dataset.theme ?? (dark.matches ? 'dark' : 'light');
    dataset.theme = now === 'dark' ? 'light' : 'dark';
    localStorage.setItem('theme', dataset.theme);
    redraw();
  });
  const kept = localStorage.getItem('theme');
  if (kept !== null) dataset.theme = kept;
  dark.addEventListener('change', redraw);
}
