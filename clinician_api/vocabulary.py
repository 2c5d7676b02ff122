"""What are causes, severities, outcomes, reasons called on the screens? English message ids, translated by fr.po."""

from clinician_api.language import message
from schemas.alert import Cause, Outcome, Severity
from schemas.patient_day import DayState

CAUSES: dict[Cause, str] = {
    "decompensation": message("Suspected decompensation"),
    "weight_loss": message("Weight loss"),
    "no_transmission": message("No weight received"),
    "device": message("Scale problem"),
}
RULES: dict[Cause, str] = {
    "decompensation": message("Weight rising fast, drifting upwards, or far above the dry weight."),
    "weight_loss": message("Weight falling fast: over-diuresis or dehydration?"),
    "no_transmission": message("No weighing for several days. This alert cannot be switched off."),
    "device": message("The scale needs attention; the weights may not be trusted."),
}
WATCHED = message("To be watched")
WATCH_RULE = message("Near the alert's threshold. Nobody is told; an alert follows at once if it goes on.")
CLINICAL: tuple[Cause, ...] = ("decompensation", "weight_loss")
SEVERITIES: dict[Severity, str] = {
    "alarm": message("Alarm"),
    "alert": message("Alert"),
    "watch": message("Watch"),
}
OUTCOMES: dict[Outcome, str] = {
    "confirmed_advice": message("Confirmed: advice given"),
    "confirmed_diuretic_changed": message("Confirmed: diuretic changed"),
    "confirmed_visit": message("Confirmed: visit arranged"),
    "confirmed_emergency": message("Confirmed: sent to emergency"),
    "confirmed_hospital": message("Confirmed: admitted to hospital"),
    "false_technique": message("False alert: weighing technique"),
    "false_food": message("False alert: food or drink"),
    "false_clothes": message("False alert: clothes"),
    "false_other_person": message("False alert: another person"),
    "false_scale": message("False alert: scale at fault"),
    "no_contact": message("Patient could not be reached"),
    "other": message("Other: see note"),
}
EVENTS = {
    "raised": message("Raised"),
    "repeated": message("Raised again"),
    "severity_rose": message("Became more severe"),
    "back_in_band": message("Back within the usual range"),
    "escalated": message("Told the next person"),
    "forgotten": message("Taken, then forgotten: raised again"),
    "follow_up_due": message("Follow-up due"),
    "snooze_ended": message("Snooze over"),
    "take": message("Taken"),
    "follow_up": message("To be followed up"),
    "snooze": message("Snoozed"),
    "close": message("Closed"),
}
DETECTORS = {
    "guideline": message("Guideline: gain over some days (ESC 2021)"),
    "macd": message("MACD: recent weight above that of weeks (Gyllensten 2016)"),
    "vigie": message("Vigie: all signs of a gain, weighed (this project)"),
    "heartphone": message("HeartPhone: several weights above the own average (2013)"),
    "control_chart": message("Control chart: beyond the own limits"),
    "cusum": message("CUSUM: small gains that add up"),
    "fast": message("FAST: 3 lb in 1 day or 5 lb in 3 days (2011)"),
    "scale_hf": message("SCALE-HF 1: 3 lb in 1 day or 5 lb in 7 days"),
    "engage_hf": message("ENGAGE-HF: 3 lb above the median of the week"),
}
"""Those that alerts knows; a test compares."""
TRIAL_PROBLEMS = {
    "never_alerts": message("This budget can be kept only by never alerting: allow more false alerts."),
    "no_such_detector": message("The program that assesses does not know this detector."),
    "no_shadow": message("No detector runs in the shadow by now."),
    "failed": message("It could not be computed. The log of alerts says why; please tell whoever runs Vigie."),
}
POSTS = {
    "nurse": message("Nurse"),
    "cardiologist": message("Cardiologist"),
    "backup": message("Backup"),
}
"""In the chain of whom an alert is told; a duty, not a profession."""
UPKEEP = {
    "operations": (message("Operations"), message("Is told of programs, channels and test alerts that fail.")),
    "technical": (message("Technician"), message("Is told of scales that have been silent for three days.")),
}
"""What each is, and what it hears of."""
ROLES = {"nurse": message("Nurse"), "cardiologist": message("Cardiologist")}
EXCLUSIONS = {
    "other_person": message("another person's weight"),
    "clothes": message("weighed with clothes or a bag"),
    "scale_moved": message("the scale was moved"),
    "typing_error": message("typing error"),
    "other_reason": message("other reason, see note"),
}
"""Why a person says that a weight does not count."""
ANCHORS = {
    "first": message("first dry weight"),
    "clinical_assessment": message("clinical assessment"),
    "hospital_stay": message("hospital stay"),
    "diuretic_change": message("diuretic changed"),
    "new_scale": message("new scale"),
    "body_change": message("fat or muscle gained or lost"),
    "correction": message("correction of a mistake"),
}
"""Why a dry weight is set."""
DRUG_CLASSES = {
    "loop_diuretic": message("Loop diuretic"),
    "thiazide": message("Thiazide"),
    "mra": message("MRA (spironolactone, eplerenone)"),
    "raas": message("ACE inhibitor, sartan or ARNI"),
    "beta_blocker": message("Beta blocker"),
    "sglt2": message("SGLT2 inhibitor"),
    "other": message("Another drug"),
}
DIRECTIONS = {
    "started": message("started"),
    "up": message("dose increased"),
    "down": message("dose reduced"),
    "stopped": message("stopped"),
}
RESULTS = {
    "reached": message("Patient reached"),
    "relative": message("Relative reached"),
    "voicemail": message("Voicemail left"),
    "no_answer": message("No answer"),
    "wrong_number": message("Wrong number"),
}
"""What came of a contact."""
REVIEWS = {
    "release": message("Released"),
    "asked": message("Asked, nobody knows"),
    "exclude": message("Excluded"),
    "undo": message("Decision undone"),
}
STATES = {
    "accepted": message("accepted"),
    "quarantined": message("in quarantine"),
    "excluded": message("excluded"),
    "superseded": message("replaced"),
}
EXPLANATIONS = {
    "implausible_weight": message("No adult weighs this little: a bag, a pet or a child on the scale?"),
    "implausible_jump": message(
        "Too far from the last weight to be believed at once: was it somebody else on the scale?"
    ),
    "measured_in_the_future": message("The scale says it was weighed at a time still to come: its clock is wrong."),
    "clock_not_set": message("The scale did not know what day it was: the day of this weight is not known."),
    "ambiguous_person": message("Several people use this scale, and it could not tell which of them this was."),
}
"""Why ingest doubts a weight, for somebody who will ask the patient."""
REASONS = EXCLUSIONS | {
    "other_patient": message("another patient's weight, reassigned"),
    "implausible_weight": message("implausible weight"),
    "implausible_jump": message("implausible jump from the last weight"),
    "unit_flip": message("looks like another unit (kg and lb)"),
    "other_person": message("looks like somebody else's weight"),
    "scale_shift": message("the scale may have been moved or replaced"),
    "measured_in_the_future": message("time of weighing lies in the future"),
    "clock_not_set": message("the scale's clock is not set"),
    "ambiguous_person": message("the scale was not sure who this was"),
    "corrected_upstream": message("corrected by its source"),
    "deleted_upstream": message("deleted by its source"),
    "read_again": message("misread at first, read again since"),
    "later_that_day": message("not the first of the day"),
    "not_believed": message("too far from the weights around it"),
}
SOURCES = {"manual": message("by hand"), "reassigned": message("another patient's scale")}
"""Where a weight came from, if from no scale of the patient's: dialects are called by their own names."""
DAYS: dict[DayState, str] = {
    "weighed": message("Weighed"),
    "waiting": message("Weighed, in quarantine"),
    "not_weighed": message("Nobody weighed"),
    "scale_silent": message("Scale silent"),
    "our_outage": message("Our outage"),
    "paused": message("Paused"),
}
INS_TYPES = {
    "1.2.250.1.213.1.4.8": message("INS-NIR"),
    "1.2.250.1.213.1.4.9": message("INS-NIA"),
    "1.2.250.1.213.1.4.10": message("INS test"),
    "1.2.250.1.213.1.4.11": message("INS demonstration"),
}


def reason(code: str) -> str:
    """A reading's reason in words; a code that ingest has learnt since, as it is."""
    return REASONS.get(code, code)
