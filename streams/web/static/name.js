// What the person at this browser calls themselves: a note, not a proof. Every field of it shows the same.

const KEY = "gretchen.name";
const fields = () => document.querySelectorAll(".me");

export function offerName() {
  for (const field of fields()) {
    field.value = localStorage.getItem(KEY) ?? "";
    field.addEventListener("change", () => {
      localStorage.setItem(KEY, field.value.trim());
      for (const other of fields()) other.value = field.value;
    });
  }
}

export const myName = () => fields()[0].value.trim();
