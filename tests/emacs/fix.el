;;; fix.el --- Fixes the demo's bug through Eglot: emacs -Q --batch -l SNIPPET -l fix.el FILE LINE  -*- lexical-binding: t -*-
;; Prints the buffer when the edit has arrived, and after one undo.

(require 'eglot)

(defun wait-for (what holds)
  "Wait until HOLDS is true; fail with WHAT after a minute."
  (with-timeout (60 (error "%s did not come" what))
    (while (not (funcall holds)) (accept-process-output nil 0.05))))

(let ((file (pop command-line-args-left))
      (line (string-to-number (pop command-line-args-left)))
      (eglot-confirm-server-edits nil)
      (eglot-sync-connect 30))
  (find-file file)
  (buffer-enable-undo)
  (apply #'eglot--connect (eglot--guess-contact))
  (wait-for "the server" #'eglot-managed-p)
  (goto-char (point-min))
  (forward-line (1- line))
  (let* ((actions (eglot-code-actions (point) (point)))
         (fix (seq-find (lambda (action) (string-prefix-p "Fix" (plist-get action :title))) actions))
         (before (buffer-string)))
    (undo-boundary)
    (eglot-execute (eglot-current-server) fix)
    (wait-for "the edit" (lambda () (not (equal (buffer-string) before))))
    (princ (buffer-string))
    (princ "-- after one undo --\n")
    (undo-boundary)
    (setq last-command nil)
    (undo)
    (princ (buffer-string))
    (set-buffer-modified-p nil)))
