// Small comforts for the login form, which works without them: show the password, warn of Caps Lock, send once.
(function () {
  'use strict';
  var form = document.getElementById('login-form');
  var password = document.getElementById('password');
  var reveal = document.getElementById('reveal');
  var hint = document.getElementById('caps-lock');
  var submit = document.getElementById('submit');
  var label = submit.textContent;

  function show(visible) {
    password.type = visible ? 'text' : 'password';
    reveal.textContent = visible ? reveal.dataset.hide : reveal.dataset.show;
    reveal.setAttribute('aria-pressed', String(visible));
  }
  reveal.hidden = false;
  reveal.addEventListener('click', function () {
    show(password.type === 'password');
    password.focus();
  });

  function capsLock(event) {
    if (!event.getModifierState) return;
    hint.textContent = event.getModifierState('CapsLock') ? hint.dataset.text : '';
  }
  password.addEventListener('keydown', capsLock);
  password.addEventListener('keyup', capsLock);
  password.addEventListener('blur', function () { hint.textContent = ''; });

  form.addEventListener('submit', function (event) {
    if (submit.getAttribute('aria-disabled') === 'true') {
      event.preventDefault();
      return;
    }
    show(false); // so that the browser's password manager knows the field
    submit.setAttribute('aria-disabled', 'true');
    submit.textContent = form.dataset.busy;
  });
  // A page that comes back by the back button must be usable again.
  window.addEventListener('pageshow', function () {
    submit.removeAttribute('aria-disabled');
    submit.textContent = label;
  });
})();
