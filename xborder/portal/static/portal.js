"use strict";
// The pages work without this: it names the chosen file, stops a file that is too large before
// it travels, and loads a waiting receipt again when its state has changed.

for (const input of document.querySelectorAll("input[type=file]")) {
  const drop = input.closest(".drop");
  const told = drop.querySelector(".drop-chosen");
  input.addEventListener("change", () => {
    const file = input.files[0];
    const tooLarge = file && file.size > Number(input.dataset.most);
    input.setCustomValidity(tooLarge ? input.dataset.tooLarge : "");
    drop.classList.toggle("chosen", Boolean(file));
    drop.classList.toggle("wrong", Boolean(tooLarge));
    told.textContent = file
      ? `${file.name} · ${(file.size / 1024).toLocaleString(undefined, { maximumFractionDigits: 1 })} kB` +
        (tooLarge ? ` · ${input.dataset.tooLarge}` : "")
      : "";
  });
  for (const [event, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    drop.addEventListener(event, () => drop.classList.toggle("over", over));
  }
}

for (const form of document.querySelectorAll("form[data-sending]")) {
  const button = form.querySelector("button[type=submit]");
  const said = button.textContent;
  form.addEventListener("submit", () => {
    button.disabled = true;
    button.textContent = form.dataset.sending;
  });
  // A page that comes back by the browser's back button is as it was left.
  window.addEventListener("pageshow", () => {
    button.disabled = false;
    button.textContent = said;
  });
}

for (const choice of document.querySelectorAll("[data-fill]")) {
  choice.addEventListener("click", () => {
    const field = document.getElementById(choice.dataset.fill);
    field.value = choice.dataset.value;
    field.focus();
  });
}

// Who answered once is likely to answer again.
for (const field of document.querySelectorAll("input[name=by]")) {
  field.value ||= sessionStorage.getItem("by") ?? "";
  field.addEventListener("change", () => sessionStorage.setItem("by", field.value));
}

for (const watched of document.querySelectorAll("[data-watch]")) {
  const look = async () => {
    try {
      const reply = await fetch(watched.dataset.watch, { cache: "no-store" });
      if (reply.ok && (await reply.json()).state !== watched.dataset.state) {
        location.reload();
        return;
      }
    } catch {
      // The server may be starting again: look later.
    }
    setTimeout(look, 2500);
  };
  setTimeout(look, 2500);
}
