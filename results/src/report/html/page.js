// The page is complete without this script. It adds two things: figures under the pointer, and lines that can be switched off.
// The lines that are off are in the fragment of the address (#off=d0,d2), so that a link keeps the view.
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const tip = document.getElementById('tip');
  const keys = new Set([...document.querySelectorAll('.legend [data-key]')].map(e => e.dataset.key));
  const off = new Set();

  // Three significant digits with the unit that fits, as in the tables.
  const digits = v => v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2);
  const scaled = (v, steps) => {
    const [size, unit] = steps.find(([size]) => v >= size * 0.9995) || steps[steps.length - 1];
    return digits(v / size) + ' ' + unit;
  };
  const times = [[3.6e12, 'h'], [6e10, 'min'], [1e9, 's'], [1e6, 'ms'], [1e3, 'µs']];
  const rates = [[1e9, 'G/s'], [1e6, 'M/s'], [1e3, 'k/s'], [1, '/s']];
  const shown = (unit, v) => {
    if (v < 0) return '−' + shown(unit, -v);
    if (unit === 'quantile') return 'p' + +(v * 100).toFixed(6);
    if (unit === 'per_s') return scaled(v, rates);
    if (unit === 'count') return v.toLocaleString('en-US', { maximumFractionDigits: v < 100 ? 2 : 0 });
    if (unit === 'share') return digits(v * 100) + ' %';
    return v < 1000 ? v.toFixed(0) + ' ns' : scaled(v, times);
  };

  const apply = () => {
    for (const e of document.querySelectorAll('[data-key]')) {
      const is = off.has(e.dataset.key);
      if (e.tagName === 'LI') e.setAttribute('aria-pressed', String(!is));
      else e.classList.toggle('off', is);
    }
  };
  const read = () => {
    const found = /(?:^#|&)off=([a-z0-9,]*)/.exec(location.hash);
    // The address of a row leaves lines as they are.
    if (!found && location.hash) return;
    off.clear();
    for (const key of found ? found[1].split(',') : []) if (keys.has(key)) off.add(key);
    apply();
  };
  const toggle = key => {
    if (!off.delete(key)) off.add(key);
    const list = [...off].sort().join(',');
    history.replaceState(null, '', list ? '#off=' + list : location.pathname + location.search);
    apply();
  };

  document.body.classList.add('live');
  for (const item of document.querySelectorAll('.legend [data-key]')) {
    item.tabIndex = 0;
    item.setAttribute('role', 'button');
    item.addEventListener('click', () => toggle(item.dataset.key));
    item.addEventListener('keydown', event => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      toggle(item.dataset.key);
    });
  }
  addEventListener('hashchange', read);
  read();

  // The points of a line, those that are dots last, and their places in the picture in the same order.
  const points = line => [...line.points, ...(line.dots || [])];
  const places = (svg, key) => [...svg.querySelectorAll('[data-key="' + key + '"]')].flatMap(e => {
    if (e.tagName === 'polyline') return [...e.points].map(p => [p.x, p.y]);
    return e.tagName === 'circle' ? [[e.cx.baseVal.value, e.cy.baseVal.value]] : [];
  });
  const element = (tag, text, parent) => {
    const e = document.createElement(tag);
    e.textContent = text;
    parent.append(e);
    return e;
  };

  for (const figure of document.querySelectorAll('[data-plot]')) {
    const plot = data.plots[+figure.dataset.plot];
    for (const svg of figure.querySelectorAll('svg.chart')) {
      let known, cross;
      const hide = () => { tip.hidden = true; if (cross) cross.classList.add('off'); };
      svg.addEventListener('pointerleave', hide);
      addEventListener('resize', hide);
      svg.addEventListener('pointermove', event => {
        known = known || plot.lines.map(line => places(svg, line.key));
        const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
        const seen = [];
        plot.lines.forEach((line, i) => {
          if (off.has(line.key) || !known[i].length) return;
          let best = 0;
          known[i].forEach(([x], n) => { if (Math.abs(x - at.x) < Math.abs(known[i][best][0] - at.x)) best = n; });
          seen.push({ line, x: known[i][best][0], point: points(line)[best] });
        });
        if (!seen.length) return hide();
        const nearest = seen.reduce((a, b) => Math.abs(b.x - at.x) < Math.abs(a.x - at.x) ? b : a);
        if (!cross) {
          cross = document.createElementNS('http://www.w3.org/2000/svg', 'line');
          cross.setAttribute('class', 'cross');
          svg.append(cross);
        }
        const area = svg.viewBox.baseVal;
        cross.classList.remove('off');
        cross.setAttribute('x1', nearest.x);
        cross.setAttribute('x2', nearest.x);
        cross.setAttribute('y1', 24);
        cross.setAttribute('y2', area.height - 44);
        tip.textContent = '';
        element('b', plot.x.name + ' ' + shown(plot.x.unit, nearest.point[0]), tip);
        // Lines that have no point near this place are left out.
        for (const { line, x, point } of seen) {
          if (Math.abs(x - nearest.x) > area.width / 30) continue;
          const row = element('div', '', tip);
          const swatch = document.querySelector('.legend [data-key="' + line.key + '"] svg');
          if (swatch) row.append(swatch.cloneNode(true));
          element('span', line.name, row);
          element('span', shown(plot.y.unit, point[1]), row);
          // A run of a trend has its date and its revision.
          if (point[3]) element('div', point[3], tip);
        }
        tip.hidden = false;
        const box = tip.getBoundingClientRect(), room = document.documentElement.clientWidth;
        const left = event.clientX + 16 + box.width > room ? event.clientX - 16 - box.width : event.clientX + 16;
        tip.style.left = Math.max(4, left) + scrollX + 'px';
        tip.style.top = event.clientY + scrollY + 16 + 'px';
      });
    }
  }
})();
