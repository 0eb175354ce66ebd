// The chosen theme, before the first picture of the page is drawn.

const theme = localStorage.getItem("limner.theme");
if (theme) document.documentElement.dataset.theme = theme;
