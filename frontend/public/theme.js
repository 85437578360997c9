// Runs before the first paint, so a stored theme never flashes. A file of its own: the
// content security policy allows no inline script. Without a stored choice the system decides.
(function () {
  try {
    var theme = localStorage.getItem('headroom.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch (_) {
    // Storage may be forbidden; then the system's theme is used.
  }
})();
